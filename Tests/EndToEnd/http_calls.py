"""One HTTP request on one connection, with nothing added and nothing hidden."""
from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from email.message import Message
from typing import Any, Dict, Optional, Tuple


@dataclass
class Answer:
    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    address: Tuple[str, int],
    target: str,
    method: str = "GET",
    body: Optional[bytes] = None,
    headers: Optional[Dict[str, str]] = None,
    timeout: float = 20,
    source_address: Optional[Tuple[str, int]] = None,
) -> Answer:
    """Sends one request to `(host, port)`; raises what the socket raises."""
    connection = http.client.HTTPConnection(address[0], address[1], timeout=timeout, source_address=source_address)
    try:
        connection.request(method, target, body=body, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


def stream_body(address: Tuple[str, int], target: str, size: int = 1 << 30) -> int:
    """POSTs a body of `size` bytes without end; how many the server (or a buffer) took before it hung up."""
    sent = 0
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    with socket.create_connection(address, timeout=10) as connection:
        try:
            connection.sendall(head.encode())
            while sent < size:
                sent += connection.send(b"[" * 65536)
        except OSError:
            pass
    return sent
