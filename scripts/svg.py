"""A small part of SVG: one self-contained picture that is readable on light and dark backgrounds."""
from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path
from typing import Dict, List, Tuple
from xml.sax.saxutils import escape, quoteattr

#: Class: (fill, the same on a dark background).
PAPER = {
    "paper": ("#ffffff", "#0f1318"), "ink": ("#1c2128", "#e8edf3"), "soft": ("#57606a", "#9aa4af"),
    "rule": ("#dde2e7", "#272e37"), "strip": ("#f5f7f9", "#161b22"),
}


class Picture:
    """Elements in the order in which they are painted."""

    def __init__(self, width: float, title: str, description: str):
        self.width = width
        self.height = 0.0
        self._title, self._description = title, description
        self._colours: Dict[str, Tuple[str, str]] = dict(PAPER)
        self._parts: List[str] = []

    def colour(self, name: str, light: str, dark: str) -> str:
        """Makes `name` a fill, and `name-line` a stroke."""
        self._colours[name] = (light, dark)
        return name

    def add(self, markup: str) -> None:
        self._parts.append(markup)

    def text(self, x: float, y: float, text: str, kind: str = "ink", *, size: float = 12, anchor: str = "start",
             weight: int = 400) -> None:
        more = ("" if anchor == "start" else f' text-anchor="{anchor}"') + ("" if weight == 400 else f' font-weight="{weight}"')
        self.add(f'<text class="{kind}" x="{short(x)}" y="{short(y)}" font-size="{short(size)}"{more}>{escape(clean(text))}</text>')

    def rect(self, kind: str, x: float, y: float, width: float, height: float, *, title: str = "", more: str = "") -> None:
        inner = f"><title>{escape(clean(title))}</title></rect>" if title else "/>"
        self.add(f'<rect class="{kind}" x="{short(x)}" y="{short(y)}" width="{short(width)}" height="{short(height)}"'
                 f'{" " + more if more else ""}{inner}')

    def path(self, kind: str, data: str, more: str = "") -> None:
        if data:
            self.add(f'<path class="{kind}" d="{data}"{" " + more if more else ""}/>')

    def vertical_rules(self, xs: List[float], top: float, bottom: float) -> None:
        self.path("rule-line", "".join(f"M{short(x)} {short(top)}V{short(bottom)}" for x in xs))

    def markup(self) -> str:
        def styles(place: int) -> str:
            return "".join(f".{name}{{fill:{pair[place]}}}.{name}-line{{stroke:{pair[place]};fill:none}}"
                           for name, pair in self._colours.items())

        width, height = short(self.width), short(self.height)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'role="img" aria-labelledby="title description" font-family={quoteattr(FONTS)}>\n'
            f'<title id="title">{escape(clean(self._title))}</title>\n'
            f'<desc id="description">{escape(clean(self._description))}</desc>\n'
            f"<style>{styles(0)}@media (prefers-color-scheme:dark){{{styles(1)}}}</style>\n"
            f'<rect class="paper" width="{width}" height="{height}"/>\n' + "\n".join(self._parts) + "\n</svg>\n")


FONTS = "system-ui,-apple-system,'Segoe UI','Noto Sans','DejaVu Sans',sans-serif"


def clean(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(c if c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff" else "\ufffd" for c in text)


def short(value: float) -> str:
    """With at most two decimals."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("", "-0") else text


def ticks(most: float, count: int) -> List[float]:
    """About `count` round values from 0 to `most`."""
    if most <= 0:
        return [0.0]
    raw = most / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    return [step * place for place in range(int(most / step + 1e-9) + 1)]


def mixed(stops: List[str], place: float) -> str:
    """A colour between those of `stops`, from 0 to 1."""
    at = min(max(place, 0.0), 1.0) * (len(stops) - 1)
    low = min(int(at), len(stops) - 2)
    parts = [(int(stops[low][i : i + 2], 16), int(stops[low + 1][i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * (at - low)):02x}" for a, b in parts)


def write(path: str, text: str) -> None:
    """All of it or nothing. Raises OSError."""
    target = Path(path)
    if target.exists() and not target.is_file():
        target.write_text(text, encoding="utf-8")  # a pipe or a device
        return
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        mask = os.umask(0)
        os.umask(mask)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
