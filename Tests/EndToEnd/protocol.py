"""The messages between nodes and trackers, as far as a rogue has to speak them."""
from __future__ import annotations

import hashlib
from typing import Any, Dict, Sequence

PIECE = 256 << 10
"""The piece size of every file up to 256 MiB, in bytes."""


def task_id(resource: str, tag: str = "", application: str = "", credentials: Sequence[str] = ()) -> str:
    text = b"minion-task-1\n"
    for part in [resource, tag, application, *credentials]:
        text += b"%d:%s" % (len(part.encode()), part.encode())
    return hashlib.sha256(text).hexdigest()


def full_set(count: int) -> str:
    """The hexadecimal form of the set of all `count` pieces."""
    return ((1 << count) - 1).to_bytes((count + 7) // 8, "little").hex()


def report(**changes: Any) -> Dict[str, Any]:
    """A `PeerReport` that says nothing, but for `changes`."""
    message: Dict[str, Any] = {
        "secret": "", "fetched": [], "returned": [], "dropped": [], "wantsLease": False, "wantsNeighbours": 0,
        "isStuck": False, "uplink": 0, "sourceRate": 0, "waitSeconds": 0, "bytesFromSource": 0, "bytesFromPeers": 0,
    }
    return {**message, **changes}


def introduction(endpoint: str, resource: str, secret: str, **changes: Any) -> Dict[str, Any]:
    message = {
        "endpoint": endpoint, "resource": resource, "site": "", "canFetch": False, "canUpload": True, "secret": secret,
    }
    return {**message, **changes}


def reply(**changes: Any) -> Dict[str, Any]:
    """A `TrackerReply` that says nothing, but for `changes`."""
    message: Dict[str, Any] = {
        "mustIntroduce": False, "mustStat": False, "accepted": [], "rejected": [], "neighbours": [],
        "nextReportSeconds": 0.2, "peerCount": 1,
    }
    return {**message, **changes}
