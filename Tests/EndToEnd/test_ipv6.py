"""The whole way over IPv6."""
import pytest

from checks import MIB, assert_ok
from content import Content

pytestmark = pytest.mark.ipv6


def test_a_tracker_a_source_and_peers_on_ipv6(box):
    tracker = box.tracker(host="::1")
    source = box.source("[::1]")
    resource = source.add("/file.bin", Content(2 * MIB + 5))
    first, second = box.hosts(2)
    assert_ok(first.get(resource.url, tracker=tracker, upload_time=300), first, "file.bin", resource.content)
    before = resource.sent
    outcome = second.get(resource.url, "--no-fallback", tracker=tracker)
    assert_ok(outcome, second, "file.bin", resource.content)
    assert resource.sent == before


def test_a_tracker_url_with_an_ipv6_address(box):
    tracker = box.tracker(host="::1")
    resource = box.source().add("/file.bin", Content(MIB))
    host = box.host()
    outcome = host.get(resource.url, tracker=f"http://[::1]:{tracker.port}")
    assert_ok(outcome, host, "file.bin", resource.content)
    assert outcome.err.lower().count("tracker") == 0, "a warning means that the tracker was not reached"


def test_peers_that_see_the_tracker_on_ipv4_and_on_ipv6_meet(box):
    tracker = box.tracker(host="::")
    resource = box.source().add("/file.bin", Content(MIB))
    first, second = box.hosts(2)
    v4, v6 = f"127.0.0.1:{tracker.port}", f"[::1]:{tracker.port}"
    assert_ok(first.get(resource.url, tracker=v4, upload_time=300), first, "file.bin", resource.content)
    outcome = second.get(resource.url, "--no-fallback", tracker=v6)
    assert_ok(outcome, second, "file.bin", resource.content)
