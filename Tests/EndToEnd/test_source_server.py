"""The tests' own source does what the other tests believe it does."""
import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from content import Content
from http_calls import ask
from source_server import Reply, Source


@pytest.fixture
def server():
    server = Source()
    yield server
    server.close()


def fetch(server, path="/f", **headers):
    return ask(("127.0.0.1", server.port), path, headers=headers)


def test_bytes_at_an_offset_do_not_depend_on_how_they_are_read():
    content = Content(3_000_001)
    whole = content.bytes()
    assert len(whole) == content.size
    assert content.bytes(1_048_570, 2_097_160) == whole[1_048_570:2_097_160]
    assert content.digest() == hashlib.sha256(whole).hexdigest()
    pieces = [whole[i : i + (256 << 10)] for i in range(0, len(whole), 256 << 10)]
    assert len(set(pieces)) == len(pieces), "a misplaced piece would go unnoticed"


def test_ranges_are_answered_as_the_standard_says(server):
    content = Content(10_000)
    resource = server.add("/f", content)
    answer = fetch(server, Range="bytes=100-199")
    assert (answer.status, answer.body) == (206, content.bytes(100, 200))
    assert answer.headers["Content-Range"] == "bytes 100-199/10000"
    assert fetch(server, Range="bytes=-5").body == content.bytes(9_995)
    assert fetch(server, Range="bytes=9990-").body == content.bytes(9_990)
    assert fetch(server, Range="bytes=10000-").status == 416
    assert fetch(server, **{"Range": "bytes=0-9", "If-Range": '"other"'}).status == 200
    assert resource.sent == 100 + 5 + 10 + 10_000
    assert [request.status for request in resource.requests] == [206, 206, 206, 416, 200]


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_every_framing_brings_the_whole_body(server, framing):
    content = Content(700_000)
    server.add("/f", content, framing=framing, ranges=False)
    assert fetch(server, Range="bytes=0-9").body == content.bytes()


def test_scripted_answers_come_before_the_content(server):
    resource = server.add("/f", Content(10))
    resource.script.extend([Reply(503), Reply(429, {"Retry-After": "1"})])
    assert [fetch(server).status for _ in range(3)] == [503, 429, 200]


def test_a_cut_body_breaks_the_connection(server):
    resource = server.add("/f", Content(1_000_000), cut_every=1000, cuts=1)
    with pytest.raises(Exception):
        fetch(server)
    assert (resource.sent, resource.faults) == (1000, 1)
    assert fetch(server).status == 200


def test_a_stall_counts_the_bytes_of_all_responses(server):
    resource = server.add("/f", Content(1000), stall_after=1500, stalls=1)
    assert fetch(server).status == 200
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(fetch, server)
        resource.wait_sent(1500)
        assert not second.done()
        resource.release()
        assert second.result().body == resource.content.bytes()


def test_a_change_is_seen_by_the_next_request(server):
    before, after = Content(1000, "before"), Content(1000, "after")
    server.add("/f", before, change=(1000, after))
    first, second = fetch(server), fetch(server)
    assert (first.body, second.body) == (before.bytes(), after.bytes())
    assert first.headers["ETag"] != second.headers["ETag"]
