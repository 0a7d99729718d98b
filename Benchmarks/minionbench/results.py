"""What a benchmark found, held against what must be."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence, Tuple

from .quantities import median


@dataclass(frozen=True)
class Must:
    """A bound: `at most`, `at least` or `within`, which is on either side of 0."""

    kind: str
    limit: float

    def holds(self, value: float) -> bool:
        if self.kind == "at least":
            return value >= self.limit
        return (abs(value) if self.kind == "within" else value) <= self.limit

    def __str__(self) -> str:
        return f"{'± ' if self.kind == 'within' else self.kind + ' '}{self.limit:g}"


@dataclass
class Row:
    """One line of the table. `value` is nil if it was left out, and `note` says why."""

    group: str
    what: str
    value: Optional[float] = None
    unit: str = ""
    spread: Optional[Tuple[float, float]] = None
    must: Optional[Must] = None
    note: str = ""
    details: Dict[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> Optional[bool]:
        return None if self.must is None or self.value is None else self.must.holds(self.value)

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "left out"
        return {None: "", True: "holds", False: "MISSED"}[self.holds]

    def as_json(self) -> Dict[str, Any]:
        return {
            "group": self.group, "what": self.what, "value": self.value, "unit": self.unit, "spread": self.spread,
            "must": str(self.must) if self.must else None, "holds": self.holds, "note": self.note, "details": self.details,
        }


def ratio_row(group: str, what: str, ours: Sequence[float], theirs: Sequence[float], must: Must, note: str) -> Row:
    """The ratio of two medians, with the ratios of single rounds as its spread."""
    singles = [a / b for a, b in zip(ours, theirs)]
    return Row(
        group, what, median(ours) / median(theirs), "×", (min(singles), max(singles)), must, note,
        {"minion": list(ours), "other": list(theirs)})


def figure(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def print_table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they have to be; the first to the left, the others to the right but for the last."""
    widths = [max(len(line[i]) for line in [heads, *lines]) for i in range(len(heads))]
    for line in [heads, *lines]:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:-1], widths[1:-1])]
        print("  ".join([*cells, line[-1]]).rstrip())


def print_rows(rows: Sequence[Row]) -> None:
    lines: List[List[str]] = []
    for row in rows:
        value = "–" if row.value is None else f"{figure(row.value)} {row.unit}"
        spread = f"{figure(row.spread[0])} – {figure(row.spread[1])}" if row.spread else ""
        lines.append([row.what, value, spread, str(row.must or ""), row.verdict, row.note])
    print_table(["", "median", "spread", "must", "", ""], lines)
