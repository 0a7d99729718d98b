"""A peer that joins a task by the tracker's own rules and then cheats its neighbours."""
from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
from typing import Any, Callable, Dict, Optional, Tuple

from content import Content
from http_calls import ask
from protocol import full_set, introduction, report, task_id
from raw_server import Head, RawServer, flood, message

#: Bytes that an endless answer stops at if nobody hangs up.
ENDLESS = 1 << 30


class RoguePeer(RawServer):
    """Claims to have every piece. `news` and `pieces` name methods `news_…` and `pieces_…` below."""

    def __init__(self, tracker: Tuple[str, int], url: str, content: Content, news: str = "all", pieces: str = "honest"):
        super().__init__()
        self.content = content
        self.news_opened = 0
        self.pieces_asked = 0
        #: Bytes that neighbours took of an endless answer.
        self.flooded = 0
        #: Set once the tracker has named the version, from when on this peer says that it has everything.
        self.joined = threading.Event()
        self._news: Callable[[socket.socket], bool] = getattr(self, f"news_{news}")
        self._pieces: Callable[[socket.socket, int, int], bool] = getattr(self, f"pieces_{pieces}")
        self._tracker = tracker
        self._task = task_id(url)
        self._id = os.urandom(8).hex()
        self._secret = os.urandom(16).hex()
        self._resource = url
        self._version: Optional[Dict[str, Any]] = None
        self._proofs: Dict[int, str] = {}
        self._neighbours: Dict[str, str] = {}
        threading.Thread(target=self._keep_joined, daemon=True).start()

    # The tracker's side.

    def _keep_joined(self) -> None:
        while not self.closed.is_set():
            try:
                self._report()
            except (OSError, ValueError):
                """The tracker may be gone for a while."""
            self.closed.wait(0.2)

    def _report(self) -> None:
        text = report(
            introduction=introduction(self.address, self._resource, self._secret), secret=self._secret,
            wantsNeighbours=8, uplink=1e9,
        )
        if self._version:
            count = -(-self._version["size"] // self._version["pieceSize"])
            text.update(version=self._version, have=full_set(count))
        answer = ask(
            self._tracker, f"/v1/tasks/{self._task}/peers/{self._id}", "POST", json.dumps(text).encode(),
            {"Content-Type": "application/json"})
        if answer.status != 200:
            raise AssertionError(f"the tracker refuses the rogue: {answer.status} {answer.body!r}")
        reply = answer.json
        for each in reply["neighbours"]:
            self._neighbours[each["id"]] = each["endpoint"]
        if self._version:
            self.joined.set()
        self._version = reply.get("version") or self._version

    def borrow_proofs(self) -> int:
        """Fetches from honest neighbours the proofs that the tracker signed; how many there are."""
        version = self._version or {}
        for endpoint in list(self._neighbours.values()):
            host, _, port = endpoint.rpartition(":")
            for start in range(0, version.get("size", 0), version.get("pieceSize", 1)):
                end = min(start + version["pieceSize"], version["size"])
                try:
                    answer = ask(
                        (host.strip("[]"), int(port)), f"/v1/tasks/{self._task}/content",
                        headers={"Range": f"bytes={start}-{end - 1}"})
                except OSError:
                    break
                proof = answer.headers.get("Minion-Proof")
                if proof:
                    self._proofs[start] = proof
        return len(self._proofs)

    # The neighbours' side.

    def handle(self, connection: socket.socket, head: Head) -> bool:
        path = head.target.split("?")[0]
        if path == f"/v1/tasks/{self._task}/news":
            self.news_opened += 1
            return self._news(connection)
        if path == f"/v1/tasks/{self._task}/content" and head.headers.get("range", "").startswith("bytes="):
            self.pieces_asked += 1
            first, _, last = head.headers["range"][6:].partition("-")
            return self._pieces(connection, int(first), int(last) + 1)
        connection.sendall(message("404 Not Found", b""))
        return True

    def _news_lines(self, connection: socket.socket, *lines: bytes) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        for line in lines:
            connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
        while not self.closed.wait(2):
            connection.sendall(b"2\r\n.\n\r\n")
        return False

    def news_all(self, connection: socket.socket) -> bool:
        return self._news_lines(connection, b"all\n")

    def news_huge_number(self, connection: socket.socket) -> bool:
        return self._news_lines(connection, b"9223372036854775808\n")

    def news_huge_run(self, connection: socket.socket) -> bool:
        return self._news_lines(connection, b"0-9223372036854775807\n")

    def news_past_the_end(self, connection: socket.socket) -> bool:
        return self._news_lines(connection, b"0-3\n", b"999999\n")

    def news_backwards(self, connection: socket.socket) -> bool:
        return self._news_lines(connection, b"9-3,-1,,\n")

    def news_rubbish(self, connection: socket.socket) -> bool:
        return self._news_lines(connection, b"\x00\xff\xfe<html>\r\r\n")

    def news_endless_line(self, connection: socket.socket) -> bool:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"0," * (1 << 17)
        self.flooded += flood(connection, b"%x\r\n%s\r\n" % (len(chunk), chunk), ENDLESS)
        return False

    def news_not_http(self, connection: socket.socket) -> bool:
        connection.sendall(b"\x16\x03\x01 I am not a web server\r\n\r\n" * 100)
        return False

    def news_silent(self, connection: socket.socket) -> bool:
        self.closed.wait()
        return False

    def _head(self, start: int, end: int, length: Optional[int] = None, proof: Optional[str] = None) -> bytes:
        proof = proof or self._proofs.get(start) or "0" * 64 + "." + "0" * 128
        lines = [
            "HTTP/1.1 206 Partial Content", f"Content-Length: {end - start if length is None else length}",
            f"Content-Range: bytes {start}-{end - 1}/{self.content.size}", f"Minion-Proof: {proof}", "", "",
        ]
        return "\r\n".join(lines).encode()

    def pieces_honest(self, connection: socket.socket, start: int, end: int) -> bool:
        connection.sendall(self._head(start, end) + self.content.bytes(start, end))
        return True

    def pieces_wrong_bytes(self, connection: socket.socket, start: int, end: int) -> bool:
        body = bytearray(self.content.bytes(start, end))
        body[len(body) // 2] ^= 1
        connection.sendall(self._head(start, end) + body)
        return True

    def pieces_another_piece(self, connection: socket.socket, start: int, end: int) -> bool:
        """Right bytes and a right proof, of the next piece."""
        other = end if end < self.content.size else 0
        body = self.content.bytes(other, min(other + end - start, self.content.size))
        connection.sendall(self._head(start, end, len(body), self._proofs.get(other)) + body)
        return True

    def pieces_forged_proof(self, connection: socket.socket, start: int, end: int) -> bool:
        """Wrong bytes with their own hash and a made-up signature."""
        body = bytes(end - start)
        proof = hashlib.sha256(body).hexdigest() + "." + "ab" * 64
        connection.sendall(self._head(start, end, proof=proof) + body)
        return True

    def pieces_too_much(self, connection: socket.socket, start: int, end: int) -> bool:
        body = self.content.bytes(start, end)
        connection.sendall(self._head(start, end, 64 * len(body)))
        self.flooded += flood(connection, body, 64 * len(body))
        return True

    def pieces_too_little(self, connection: socket.socket, start: int, end: int) -> bool:
        body = self.content.bytes(start, end)
        connection.sendall(self._head(start, end, len(body) // 2) + body[: len(body) // 2])
        return True

    def pieces_cut(self, connection: socket.socket, start: int, end: int) -> bool:
        body = self.content.bytes(start, end)
        connection.sendall(self._head(start, end) + body[: len(body) // 2])
        return False

    def pieces_slow(self, connection: socket.socket, start: int, end: int) -> bool:
        connection.sendall(self._head(start, end))
        for chunk in self.content.chunks(start, end, 256):
            if self.closed.wait(0.25):
                return False
            connection.sendall(chunk)
        return True

    def pieces_silent(self, connection: socket.socket, start: int, end: int) -> bool:
        self.closed.wait()
        return False

    def pieces_rubbish(self, connection: socket.socket, start: int, end: int) -> bool:
        connection.sendall(b"\xff\x00 rubbish \r\n" * 10000)
        return False

    def pieces_endless_headers(self, connection: socket.socket, start: int, end: int) -> bool:
        connection.sendall(b"HTTP/1.1 206 Partial Content\r\n")
        self.flooded += flood(connection, b"X-More: " + b"a" * 8000 + b"\r\n", ENDLESS)
        return False

    def pieces_not_found(self, connection: socket.socket, start: int, end: int) -> bool:
        connection.sendall(message("404 Not Found", b""))
        return True

    def pieces_always_full(self, connection: socket.socket, start: int, end: int) -> bool:
        connection.sendall(message("503 Service Unavailable", b"", "Retry-After: 1"))
        return True
