"""An HTTP/1.1 source that misbehaves to order and keeps account of every request and body byte."""
from __future__ import annotations

import gzip
import http.server
import socket
import socketserver
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Deque, Dict, List, Optional, Tuple

from content import Content
from waiting import PATIENCE, wait_until

LAST_MODIFIED = "Mon, 06 Jan 2025 10:00:00 GMT"


@dataclass
class Reply:
    """A fixed answer."""

    status: int
    headers: Dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Request:
    """What the source saw and what it sent; `sent` grows while the body goes out."""

    method: str
    target: str
    headers: Dict[str, str]
    status: int = 0
    sent: int = 0

    @property
    def range(self) -> Optional[str]:
        return self.headers.get("range")


class Resource:
    """One path. Everything but `path` may be changed while requests run."""

    def __init__(self, source: "Source", path: str, content: Content):
        self.source = source
        self.path = path
        self.content = content
        self.ranges = True
        #: "length", "chunked" or "close" (neither length nor chunks: the end of the connection ends the body).
        self.framing = "length"
        self.etag = True
        self.last_modified = True
        self.cache_control: Optional[str] = None
        #: Bytes per second of all responses together.
        self.rate: Optional[float] = None
        #: Answers for the first requests, one each, before the path behaves.
        self.script: Deque[Reply] = deque()
        #: The answer to every request after the script.
        self.always: Optional[Reply] = None
        #: Sends gzip to those who accept it.
        self.gzip = False
        #: The only value of `Authorization` that is let in.
        self.authorization: Optional[str] = None
        #: Each time so many body bytes have been sent, of all responses together, the connection breaks; so many times.
        self.cut_every: Optional[int] = None
        self.cuts = 1 << 30
        #: Once so many body bytes have been sent, of all responses together, a response that would send more waits for
        #: `release()`; so many responses do.
        self.stall_after: Optional[int] = None
        self.stalls = 1 << 30
        #: How often a connection was broken or made to wait.
        self.faults = 0
        #: What a 206 adds to both ends of the range that was asked for.
        self.range_shift = 0
        #: After so many body bytes in all, new requests see this content.
        self.change: Optional[Tuple[int, Content]] = None
        self.requests: List[Request] = []
        self._lock = threading.Lock()
        self._next_send = 0.0
        self._allowed = 0
        self._since_cut = 0
        self._released = threading.Event()

    @property
    def url(self) -> str:
        return self.source.url(self.path)

    @property
    def sent(self) -> int:
        """Body bytes sent so far, of content (fixed replies do not count)."""
        return sum(request.sent for request in list(self.requests))

    @property
    def copies(self) -> float:
        return self.sent / self.content.size

    def release(self) -> None:
        self._released.set()

    def wait_sent(self, count: int, seconds: float = PATIENCE) -> None:
        wait_until(lambda: self.sent >= count, f"{count} bytes to leave {self.path}", seconds)

    # What the handler asks.

    def enter(self, request: Request) -> Tuple[Content, Optional[Reply]]:
        with self._lock:
            if self.change and self.sent >= self.change[0]:
                self.content = self.change[1]
                self.change = None
            self.requests.append(request)
            return self.content, (self.script.popleft() if self.script else self.always)

    def allow(self, count: int) -> Tuple[int, Optional[str]]:
        """How many of `count` bytes may be sent, and what happens then: "cut", "stall" or nothing."""
        with self._lock:
            fault = None
            if self.cut_every is not None and self.cuts > 0 and self._since_cut + count > self.cut_every:
                count, fault = self.cut_every - self._since_cut, "cut"
                self.cuts -= 1
            elif (
                self.stall_after is not None and self.stalls > 0 and not self._released.is_set()
                and self._allowed + count > self.stall_after
            ):
                count, fault = max(0, self.stall_after - self._allowed), "stall"
                self.stalls -= 1
            self._allowed += count
            self._since_cut = 0 if fault == "cut" else self._since_cut + count
            self.faults += fault is not None
            return count, fault

    def pace(self, count: int) -> bool:
        """Waits for `count` bytes' turn; false if the source closes meanwhile."""
        if not self.rate:
            return not self.source.closed.is_set()
        with self._lock:
            turn = max(time.monotonic(), self._next_send)
            self._next_send = turn + count / self.rate
        return not self.source.closed.wait(max(0.0, turn - time.monotonic()))

    def stall(self) -> None:
        while not self._released.wait(0.05) and not self.source.closed.is_set():
            pass


class Source:
    """A server on all addresses, one thread per connection."""

    def __init__(self, name: str = "127.0.0.1"):
        self.name = name
        self.closed = threading.Event()
        self.connections: List[socket.socket] = []
        self._resources: Dict[str, Resource] = {}
        self._server = _make_server(self)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def add(self, path: str, content: Content, **behaviour: object) -> Resource:
        """`behaviour` sets attributes of `Resource` by name."""
        resource = Resource(self, path, content)
        for key, value in behaviour.items():
            if not hasattr(resource, key):
                raise TypeError(f"a resource has no {key!r}")
            setattr(resource, key, value)
        self._resources[path] = resource
        return resource

    def redirect(self, path: str, location: str, status: int = 302) -> Resource:
        return self.add(path, Content(0), always=Reply(status, {"Location": location}))

    def find(self, target: str) -> Optional[Resource]:
        return self._resources.get(target.split("?")[0])

    def url(self, path: str, name: Optional[str] = None) -> str:
        return f"http://{name or self.name}:{self.port}{path}"

    def close(self) -> None:
        """Stops listening and breaks every connection."""
        if self.closed.is_set():
            return
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def _make_server(source: Source) -> socketserver.TCPServer:
    class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, request: object, client_address: object) -> None:
            """Clients that hang up are daily life."""

    class DualServer(Server):
        address_family = socket.AF_INET6

        def server_bind(self) -> None:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            super().server_bind()

    class Handler(_Handler):
        pass

    Handler.source = source
    try:
        return DualServer(("::", 0), Handler)
    except OSError:
        return Server(("0.0.0.0", 0), Handler)


class _Handler(http.server.BaseHTTPRequestHandler):
    source: Source
    protocol_version = "HTTP/1.1"
    wbufsize = 0

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.source.connections.append(self.connection)

    def log_message(self, *_: object) -> None:
        pass

    def address_string(self) -> str:
        return "client"

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        resource = self.source.find(self.path)
        if resource is None:
            return self._fixed(Reply(404, body=b"nothing here\n"), with_body)
        request = Request(self.command, self.path, {k.lower(): v for k, v in self.headers.items()})
        content, reply = resource.enter(request)
        if resource.authorization and request.headers.get("authorization") != resource.authorization:
            reply = reply or Reply(401, {"WWW-Authenticate": "Basic"}, b"who are you\n")
        if reply is not None:
            request.status = reply.status
            return self._fixed(reply, with_body)
        self._content(resource, content, request, with_body)

    def _fixed(self, reply: Reply, with_body: bool) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if with_body:
            self.wfile.write(reply.body)

    def _content(self, resource: Resource, content: Content, request: Request, with_body: bool) -> None:
        if resource.gzip and "gzip" in request.headers.get("accept-encoding", ""):
            request.status = 200
            packed = gzip.compress(content.bytes(), 1)
            return self._fixed(Reply(200, {"Content-Encoding": "gzip", "ETag": '"packed"'}, packed), with_body)
        wanted = _range(resource, content, request)
        if wanted == (0, 0) and request.range and resource.ranges:
            request.status = 416
            return self._fixed(Reply(416, {"Content-Range": f"bytes */{content.size}"}), with_body)
        start, end = wanted or (0, content.size)
        request.status = 206 if wanted else 200
        self.send_response(request.status)
        if resource.etag:
            self.send_header("ETag", content.etag)
        if resource.last_modified:
            self.send_header("Last-Modified", LAST_MODIFIED)
        if resource.cache_control:
            self.send_header("Cache-Control", resource.cache_control)
        self.send_header("Content-Type", "application/octet-stream")
        if resource.ranges:
            self.send_header("Accept-Ranges", "bytes")
        if wanted:
            start, end = start + resource.range_shift, end + resource.range_shift
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{content.size}")
        if resource.framing == "length":
            self.send_header("Content-Length", str(end - start))
        elif resource.framing == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if with_body:
            self._body(resource, content, request, start, end)

    def _body(self, resource: Resource, content: Content, request: Request, start: int, end: int) -> None:
        step = 1 << 18 if not resource.rate else max(1024, min(1 << 16, int(resource.rate / 50)))
        for chunk in content.chunks(start, end, step):
            while chunk:
                count, fault = resource.allow(len(chunk))
                if not resource.pace(count):
                    return self._break()
                self._send(request, chunk[:count], resource.framing)
                chunk = chunk[count:]
                if fault == "cut":
                    return self._break()
                if fault == "stall":
                    resource.stall()
        if resource.framing == "chunked":
            self.connection.sendall(b"0\r\n\r\n")

    def _send(self, request: Request, chunk: memoryview, framing: str) -> None:
        if not chunk:
            return
        # Counted before it is sent: who has read a byte must find it in the account.
        request.sent += len(chunk)
        try:
            if framing == "chunked":
                self.connection.sendall(b"%x\r\n" % len(chunk) + bytes(chunk) + b"\r\n")
            else:
                self.connection.sendall(chunk)
        except OSError:
            request.sent -= len(chunk)
            raise

    def _break(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def _range(resource: Resource, content: Content, request: Request) -> Optional[Tuple[int, int]]:
    """The bytes of a 206; nil for a 200; (0, 0) if the range is outside the content."""
    text = request.range
    if not resource.ranges or not text or not text.startswith("bytes=") or "," in text:
        return None
    condition = request.headers.get("if-range")
    valid = ([content.etag] if resource.etag else []) + ([LAST_MODIFIED] if resource.last_modified else [])
    if condition is not None and condition not in valid:
        return None
    first, _, last = text[len("bytes=") :].partition("-")
    if first:
        start, end = int(first), min(int(last) + 1 if last else content.size, content.size)
    else:
        start, end = max(0, content.size - int(last)), content.size
    return (start, end) if start < end else (0, 0)
