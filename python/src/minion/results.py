"""What a download tells while it runs, and in the end."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Optional, Tuple


@dataclass(frozen=True)
class Progress:
    """How far a download is. Sizes are in bytes, times in seconds since it began."""

    #: None until it is known.
    size: Optional[int]
    bytes_done: int
    bytes_from_source: int
    bytes_from_peers: int
    #: What was there before: left by an interrupted download, or in the cache of this host's node.
    bytes_already_here: int
    #: Over the last seconds.
    bytes_per_second: float
    #: Machines connected now.
    neighbours: int
    seconds: float

    @property
    def fraction(self) -> Optional[float]:
        """From 0 to 1; None as long as the size is unknown."""
        if self.size is None:
            return None
        return min(1.0, self.bytes_done / self.size) if self.size else 1.0

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Progress:
        """Reads a line of `--progress json`; what it does not tell is nothing."""
        size = message.get("size")
        return cls(
            size=None if size is None else int(size),
            bytes_done=int(message.get("bytesDone", 0)),
            bytes_from_source=int(message.get("bytesFromSource", 0)),
            bytes_from_peers=int(message.get("bytesFromPeers", 0)),
            bytes_already_here=int(message.get("bytesAlreadyHere", 0)),
            bytes_per_second=float(message.get("bytesPerSecond", 0)),
            neighbours=int(message.get("neighbours", 0)),
            seconds=float(message.get("seconds", 0)),
        )


@dataclass(frozen=True)
class Result:
    """A complete and verified file, and where its bytes came from."""

    path: Path
    size: int
    seconds: float
    bytes_from_source: int
    bytes_from_peers: int
    #: What was there before: left by an interrupted download, or in the cache of this host's node.
    bytes_already_here: int
    #: Machines that sent something.
    neighbours: int
    #: Why the source was read, one sentence each, the most important first.
    source_reasons: Tuple[str, ...] = ()
    #: What was worth saying though the download went on.
    warnings: Tuple[str, ...] = ()

    @classmethod
    def of(cls, message: Mapping[str, Any], warnings: Tuple[str, ...] = ()) -> Result:
        """Reads the line `finished` of `--progress json`."""
        progress = Progress.of(message)
        return cls(
            path=Path(str(message.get("path", ""))),
            size=progress.bytes_done if progress.size is None else progress.size,
            seconds=progress.seconds,
            bytes_from_source=progress.bytes_from_source,
            bytes_from_peers=progress.bytes_from_peers,
            bytes_already_here=progress.bytes_already_here,
            neighbours=progress.neighbours,
            source_reasons=tuple(map(str, message.get("sourceReasons", ()))),
            warnings=warnings,
        )
