"""What every node serves by the standard's rules, and its news."""
import hashlib
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import quote

import pytest

from checks import MIB, assert_ok
from content import Content
from http_calls import ask
from nodes import SIZE, serve, stall
from processes import free_port
from protocol import PIECE
from waiting import wait_until

@pytest.fixture
def node(box, tracker, source):
    return serve(box, tracker, source, SIZE)


@pytest.fixture
def partial(box, tracker, source):
    return stall(box, tracker, source)


# The standard.


def test_the_whole_content_without_a_range(node):
    answer = node.get()
    assert answer.status == 200
    assert answer.body == node.content.bytes()
    assert answer.headers["Content-Length"] == str(SIZE)
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("range, start, end", [
    ("bytes=0-0", 0, 1), ("bytes=0-99", 0, 100), ("bytes=100-", 100, SIZE), ("bytes=-7", SIZE - 7, SIZE),
    (f"bytes={PIECE}-{2 * PIECE - 1}", PIECE, 2 * PIECE), (f"bytes={SIZE - 1}-{SIZE - 1}", SIZE - 1, SIZE),
    (f"bytes={PIECE - 1}-{PIECE}", PIECE - 1, PIECE + 1), (f"bytes={SIZE - 5}-{SIZE + 5}", SIZE - 5, SIZE),
    (f"bytes=0-{1 << 70}", 0, SIZE), (f"bytes=-{SIZE * 2}", 0, SIZE), (f"bytes=-{1 << 70}", 0, SIZE),
    (f"bytes=131071-{4 * MIB}", 131071, 4 * MIB + 1),
])
def test_a_range(node, range, start, end):
    answer = node.get(range)
    assert answer.status == 206
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.headers["Content-Length"] == str(end - start)
    assert answer.body == node.content.bytes(start, end)


@pytest.mark.parametrize("range", [
    f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 9}", f"bytes={1 << 63}-", f"bytes={1 << 80}-", "bytes=-0",
])
def test_a_range_outside_the_content(node, range):
    answer = node.get(range)
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"
    assert node.get("bytes=0-0").status == 206, "one such request must not keep the node busy"


@pytest.mark.parametrize("range", [
    "bytes=5-2", "bytes=a-b", "bytes=", "bytes=-", "lines=1-2", "bytes=1", "bytes=--1", "x",
])
def test_a_range_that_is_none_is_ignored_or_refused(node, range):
    answer = node.get(range)
    assert answer.status in (200, 400, 416)
    assert answer.status != 200 or answer.body == node.content.bytes()


def test_several_ranges_are_answered_by_the_standard_or_not_at_all(node):
    answer = node.get("bytes=0-9,20-29")
    if answer.status == 206:
        assert answer.headers["Content-Type"].startswith("multipart/byteranges")
    else:
        assert answer.status in (200, 416)
        assert answer.status != 200 or answer.body == node.content.bytes()


@pytest.mark.parametrize("first, last, whole", [
    (0, PIECE - 1, True), (3 * PIECE, 4 * PIECE - 1, True), (SIZE // PIECE * PIECE, SIZE - 1, True),
    (0, PIECE - 2, False), (1, PIECE, False), (0, 2 * PIECE - 1, False),
])
def test_a_range_of_exactly_one_piece_carries_its_proof(node, first, last, whole):
    answer = node.get(f"bytes={first}-{last}")
    assert answer.status == 206
    proof = answer.headers["Minion-Proof"]
    if not whole:
        assert proof is None
        return
    digest, _, signature = proof.partition(".")
    assert digest == hashlib.sha256(answer.body).hexdigest()
    assert len(bytes.fromhex(signature)) == 64


def test_head_has_headers_and_no_body(node):
    answer = node.get(method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == str(SIZE)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(node, method):
    assert node.get(method=method).status in (400, 404, 405, 501)
    assert node.get("bytes=0-0").status == 206


@pytest.mark.parametrize("task", ["f" * 64, "short", "..%2f..%2fetc%2fpasswd", "F" * 64, "%00" * 10])
def test_an_unknown_task_is_not_found(node, task):
    assert node.get(task=task).status in (400, 404)


def test_unknown_paths_are_not_found(node):
    for path in ("/v1", "/etc/passwd", "/../../etc/passwd", "/v1/tasks/%2e%2e/content", "//"):
        assert ask(node.address, path).status in (400, 404)


def test_a_connection_is_kept_and_requests_may_be_pipelined(node):
    with socket.create_connection(node.address, timeout=20) as connection:
        request = f"GET /v1/tasks/{node.task}/content HTTP/1.1\r\nHost: x\r\nRange: bytes=%d-%d\r\n\r\n"
        connection.sendall(b"".join((request % (i * 10, i * 10 + 9)).encode() for i in range(20)))
        received = b""
        while received.count(b"HTTP/1.1 206") < 20 or not received.endswith(node.content.bytes(190, 200)):
            chunk = connection.recv(65536)
            assert chunk, "it hung up"
            received += chunk
        for i in range(20):
            assert node.content.bytes(i * 10, i * 10 + 10) in received


def test_many_clients_at_once_get_the_right_bytes(node):
    def fetch(i):
        start = i * 37_000 % (SIZE - 300_000)
        answer = node.get(f"bytes={start}-{start + 299_999}")
        if answer.status == 503:
            return answer.headers["Retry-After"] is not None
        return answer.status == 206 and answer.body == node.content.bytes(start, start + 300_000)

    with ThreadPoolExecutor(24) as pool:
        assert all(pool.map(fetch, range(200)))


def test_clients_that_hang_up_do_no_harm(node):
    for _ in range(50):
        with socket.create_connection(node.address, timeout=20) as connection:
            connection.sendall(f"GET /v1/tasks/{node.task}/content HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            connection.recv(1000)
    assert node.get().body == node.content.bytes()


@pytest.mark.parametrize("text", [
    b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * (2 << 20), b"\x16\x03\x01\x02\x00" * 1000, b"GET " + b"/" * (1 << 20),
    b"\r\n" * 100_000, b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
])
def test_what_is_no_http_does_no_harm(node, text):
    with socket.create_connection(node.address, timeout=5) as connection:
        try:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except OSError:
            pass
    assert node.get("bytes=0-0").status == 206


def test_a_file_of_no_bytes_is_served(box, tracker, source):
    node = serve(box, tracker, source, 0)
    answer = node.get()
    assert (answer.status, answer.body) == (200, b"")
    assert node.get("bytes=0-0").status == 416


@pytest.mark.ipv6
def test_a_node_listens_on_ipv6_too(node):
    answer = ask(("::1", node.address[1]), f"/v1/tasks/{node.task}/content", headers={"Range": "bytes=5-14"})
    assert (answer.status, answer.body) == (206, node.content.bytes(5, 15))


# What people and strangers are told.


def test_what_is_served_is_listed(node):
    listed = ask(node.address, "/v1/tasks").json
    assert [(task["id"], task["name"], task["size"]) for task in listed] == [(node.task, "file.bin", SIZE)]


def test_what_is_not_for_everybody_is_listed_nowhere_and_given_to_no_stranger(box, tracker, source):
    resource = source.add("/secret.bin", Content(MIB), authorization="Bearer right")
    header = "Authorization: Bearer right"
    host = box.host("server")
    outcome = host.get(resource.url, "-H", header, "--listen", f"127.0.0.1:{(port := free_port())}", tracker=tracker,
                       upload_time=300)
    assert_ok(outcome, host, "secret.bin", resource.content)
    assert ask(("127.0.0.1", port), "/v1/tasks").json == []
    assert ask(("127.0.0.1", port), "/?res_url=" + quote(resource.url, safe="")).status == 404
    assert tracker.peers(resource.url) == []
    assert tracker.ask("/v1/tasks").json["tasks"] == []
    assert tracker.ask("/res/").json["resources"] == []


# Pieces that are not there yet.


def test_missing_pieces_are_refused_and_never_made_up(partial):
    answer = partial.get(f"bytes={SIZE - 10}-{SIZE - 1}")
    assert (answer.status, answer.headers["Minion-Missing"], answer.headers["Retry-After"]) == (503, "true", "1")
    answer = partial.get()
    assert answer.status == 503 or answer.body == partial.content.bytes()


def test_pieces_are_offered_as_soon_as_they_are_verified(partial):
    def there():
        answers = [(start, partial.get(f"bytes={start}-{start + PIECE - 1}")) for start in range(0, 4 * PIECE, PIECE)]
        return [(start, answer) for start, answer in answers if answer.status == 206]

    for start, answer in wait_until(there, "a first piece"):
        assert answer.body == partial.content.bytes(start, start + PIECE)
        assert answer.headers["Minion-Proof"]


# News.


class News:
    def __init__(self, node, **headers):
        self.connection = HTTPConnection(*node.address, timeout=20)
        sent = {"Minion-Peer": os.urandom(8).hex(), "Minion-Endpoint": ":9", "Minion-Layout": f"{SIZE}/{PIECE}",
                "Minion-Validator": quote(node.content.etag, safe="")}
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        self.connection.request("GET", f"/v1/tasks/{node.task}/news", headers=sent)
        self.response = self.connection.getresponse()

    def line(self):
        return self.response.readline().decode()

    def close(self):
        self.connection.close()


def test_news_of_a_complete_node(node):
    news = News(node)
    assert news.response.status == 200
    assert news.line() == "all\n"
    news.close()


def test_news_of_a_node_that_is_at_it(partial):
    wait_until(lambda: partial.get("bytes=0-0").status == 206 or partial.get(f"bytes={PIECE}-{PIECE}").status == 206,
               "a first piece")
    news = News(partial)
    assert news.response.status == 200
    seen = set()
    first = news.line().strip()
    for part in filter(None, first.split(",")):
        start, _, end = part.partition("-")
        seen.update(range(int(start), int(end or start) + 1))
    for piece in seen:
        answer = partial.get(f"bytes={piece * PIECE}-{piece * PIECE}")
        assert answer.status == 206 and answer.body == partial.content.bytes(piece * PIECE, piece * PIECE + 1)
    news.close()


def test_news_of_an_unknown_task_is_not_found(node):
    answer = ask(node.address, f"/v1/tasks/{'f' * 64}/news")
    assert answer.status in (400, 404)


@pytest.mark.parametrize("header, value", [
    ("Minion_Validator", "%22another%22"), ("Minion_Layout", f"{SIZE + 1}/{PIECE}"),
])
def test_news_for_another_version_is_a_conflict(node, header, value):
    news = News(node, **{header: value})
    assert news.response.status == 409
    news.close()


@pytest.mark.parametrize("header, value", [
    ("Minion_Peer", "xyz"), ("Minion_Layout", "1/0"), ("Minion_Layout", f"{1 << 63}/1"), ("Minion_Layout", ""),
    ("Minion_Endpoint", "host:99999999"),
])
def test_news_asked_for_with_nonsense_does_no_harm(node, header, value):
    news = News(node, **{header: value})
    assert 400 <= news.response.status < 500 or news.response.status == 200
    news.close()
    assert node.get("bytes=0-0").status == 206


def test_the_number_of_listeners_has_a_limit(node):
    listeners = []
    try:
        for _ in range(600):
            listeners.append(News(node))
            if listeners[-1].response.status != 200:
                break
        assert listeners[-1].response.status == 503
        assert node.get("bytes=0-0").status == 206
    finally:
        for listener in listeners:
            listener.close()
