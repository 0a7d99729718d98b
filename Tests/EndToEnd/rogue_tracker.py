"""A tracker that answers rubbish."""
from __future__ import annotations

import json
import socket
from typing import Any, Callable, Dict, Optional

from protocol import reply
from raw_server import Head, RawServer, flood, message

ENDLESS = 1 << 30


class RogueTracker(RawServer):
    """`behaviour` names one of the methods `answer_…` below. All count in `asked`."""

    def __init__(self, behaviour: str):
        super().__init__()
        self.asked = 0
        #: Bytes that were taken of an endless answer.
        self.flooded = 0
        self._version: Optional[Dict[str, Any]] = None
        self._answer: Callable[[socket.socket, Head], bool] = getattr(self, f"answer_{behaviour}")

    def handle(self, connection: socket.socket, head: Head) -> bool:
        self.asked += 1
        return self._answer(connection, head)

    def _json(self, connection: socket.socket, value: Any) -> bool:
        text = value if isinstance(value, bytes) else json.dumps(value).encode()
        connection.sendall(message("200 OK", text, "Content-Type: application/json"))
        return True

    def _with_version(self, connection: socket.socket, head: Head, **changes: Any) -> bool:
        """Behaves until a version is known, then answers with `changes`."""
        try:
            stat = json.loads(head.body or b"{}").get("stat") or {}
        except ValueError:
            stat = {}
        self._version = stat.get("version", {}).get("_0", self._version)
        if not self._version:
            return self._json(connection, reply(mustStat=True))
        return self._json(connection, reply(version=self._version, **changes))

    def answer_html(self, connection: socket.socket, head: Head) -> bool:
        connection.sendall(message("200 OK", b"<html><body>Welcome to nginx!</body></html>", "Content-Type: text/html"))
        return True

    def answer_server_error(self, connection: socket.socket, head: Head) -> bool:
        connection.sendall(message("500 Internal Server Error", b"oops"))
        return True

    def answer_not_found(self, connection: socket.socket, head: Head) -> bool:
        connection.sendall(message("404 Not Found", b""))
        return True

    def answer_binary(self, connection: socket.socket, head: Head) -> bool:
        connection.sendall(b"\x16\x03\x01\x02\x00" * 1000)
        return False

    def answer_closes(self, connection: socket.socket, head: Head) -> bool:
        return False

    def answer_nothing(self, connection: socket.socket, head: Head) -> bool:
        self.closed.wait()
        return False

    def answer_endless_json(self, connection: socket.socket, head: Head) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1073741825\r\n\r\n[")
        self.flooded += flood(connection, b'"minion",' * 8192, ENDLESS)
        return False

    def answer_endless_headers(self, connection: socket.socket, head: Head) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        self.flooded += flood(connection, b"X-More: " + b"a" * 8000 + b"\r\n", ENDLESS)
        return False

    def answer_half(self, connection: socket.socket, head: Head) -> bool:
        connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{"mustStat":')
        return False

    def answer_empty_object(self, connection: socket.socket, head: Head) -> bool:
        return self._json(connection, {})

    def answer_wrong_types(self, connection: socket.socket, head: Head) -> bool:
        return self._json(connection, reply(mustStat="yes", neighbours={"a": 1}, peerCount="many"))

    def answer_deep_json(self, connection: socket.socket, head: Head) -> bool:
        return self._json(connection, b"[" * 100000 + b"]" * 100000)

    def answer_huge_number(self, connection: socket.socket, head: Head) -> bool:
        lease = {"first": 1 << 63, "count": 1, "seconds": 60}
        return self._with_version(connection, head, lease=lease)

    def answer_lease_out_of_range(self, connection: socket.socket, head: Head) -> bool:
        lease = {"first": 1 << 40, "count": (1 << 63) - 1, "seconds": 60}
        return self._with_version(connection, head, lease=lease)

    def answer_negative_lease(self, connection: socket.socket, head: Head) -> bool:
        return self._with_version(connection, head, lease={"first": -5, "count": -1, "seconds": -1e300})

    def answer_huge_times(self, connection: socket.socket, head: Head) -> bool:
        lease = {"first": 0, "count": 1, "seconds": 1e308}
        return self._with_version(connection, head, lease=lease, nextReportSeconds=1e308)

    def answer_negative_times(self, connection: socket.socket, head: Head) -> bool:
        return self._with_version(connection, head, nextReportSeconds=-1e308)

    def answer_absurd_version(self, connection: socket.socket, head: Head) -> bool:
        version = {"validator": "x", "size": (1 << 63) - 1, "pieceSize": 0, "hasRanges": True, "freshSeconds": -1}
        return self._json(connection, reply(version=version))

    def answer_refuses_everything_fetched(self, connection: socket.socket, head: Head) -> bool:
        return self._with_version(connection, head, rejected=[0, 1, -1, 1 << 62])

    def answer_absurd_neighbours(self, connection: socket.socket, head: Head) -> bool:
        ids = [{"id": f"{i:016x}", "endpoint": "192.0.2.1:1"} for i in range(2000)]
        return self._with_version(connection, head, neighbours=ids)
