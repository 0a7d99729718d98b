"""Brings files to many machines at once, which give each other what they have: Minion for Python.

    import minion

    result = minion.get("https://host/disk.img", "/srv/", tracker="box:8080", progress=print)
    print(result.path, result.bytes_from_peers)

    with minion.open("https://host/files.tar", tracker="box:8080") as file:
        ...                      # bytes in order, while they arrive

    with minion.share("/srv/model.bin", "model-7", tracker="box:8080") as shared:
        shared.wait()            # others: minion.get(shared.url, ...)

The work is done by the program `minion`, which is found by `MINION_BIN` or on the path; it uses the node of this host if
one runs, and else a node of its own. `minion.aio` has the same for asyncio, `minion.compat` the first Minion's class.
"""
from __future__ import annotations

from .downloads import get, open
from .errors import (
    BadArguments, ChecksumMismatch, Failed, HostNotFound, MinionError, ProgramNotFound, SourceUnreachable, Stopped,
    TrackerUnreachable,
)
from .program import find_program
from .results import Progress, Result
from .sharing import Share, share

__version__ = "0.1.0"

__all__ = [
    "BadArguments", "ChecksumMismatch", "Failed", "HostNotFound", "MinionError", "ProgramNotFound", "Progress", "Result",
    "Share", "SourceUnreachable", "Stopped", "TrackerUnreachable", "find_program", "get", "open", "share",
]
