"""A TCP server for rogues: it reads request heads and leaves every byte of the answer to them."""
from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from typing import Dict, List


@dataclass
class Head:
    method: str
    target: str
    headers: Dict[str, str]
    body: bytes


class RawServer:
    """One thread per connection on 127.0.0.1. Subclasses answer in `handle`; returning false closes the connection."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._connections: List[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def handle(self, connection: socket.socket, head: Head) -> bool:
        raise NotImplementedError

    def close(self) -> None:
        self.closed.set()
        for each in [self._listener, *self._connections]:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()

    def _accept(self) -> None:
        while not self.closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as reader:
                while not self.closed.is_set():
                    head = _read_head(reader)
                    if head is None or not self.handle(connection, head):
                        return
        except (OSError, ValueError):
            """The other side hung up, which is its good right."""


def _read_head(reader) -> "Head | None":
    first = reader.readline(65536).decode("latin-1").split()
    if len(first) != 3:
        return None
    headers: Dict[str, str] = {}
    while True:
        line = reader.readline(65536).decode("latin-1").strip()
        if not line:
            break
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while True:
            count = int(reader.readline(100).split(b";")[0], 16)
            body += reader.read(count)
            reader.readline(100)
            if count == 0:
                break
    else:
        body = reader.read(int(headers.get("content-length", "0")))
    return Head(first[0], first[1], headers, body)


def message(status: str, body: bytes, *headers: str) -> bytes:
    """A whole HTTP/1.1 answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def flood(connection: socket.socket, chunk: bytes, limit: int) -> int:
    """Sends `chunk` again and again, up to `limit` bytes; how many the other side (or a buffer) took."""
    sent = 0
    try:
        while sent < limit:
            connection.sendall(chunk)
            sent += len(chunk)
    except OSError:
        pass
    return sent
