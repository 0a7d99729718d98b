"""Sources as they are in the world: the right file, or a clear error with the right exit code."""
import pytest

from checks import MIB, assert_nothing_under, assert_ok, assert_refused
from content import Content
from processes import free_port
from protocol import PIECE
from source_server import Reply

SIZE = 6 * PIECE + 321


@pytest.fixture(params=["tracker", "alone"])
def tracker(request, box):
    """Every test here runs with a tracker and without one."""
    return box.tracker() if request.param == "tracker" else None


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("size", [0, 1, PIECE, SIZE])
def test_a_source_without_ranges(tracker, source, host, framing, size):
    resource = source.add("/file.bin", Content(size), ranges=False, framing=framing)
    assert_ok(host.get(resource.url, tracker=tracker), host, "file.bin", resource.content)


def test_a_source_without_a_validator(tracker, source, host):
    resource = source.add("/file.bin", Content(SIZE), etag=False, last_modified=False)
    assert_ok(host.get(resource.url, tracker=tracker), host, "file.bin", resource.content)


def test_a_source_with_nothing_but_last_modified(tracker, source, host):
    resource = source.add("/file.bin", Content(SIZE), etag=False)
    assert_ok(host.get(resource.url, tracker=tracker), host, "file.bin", resource.content)


def test_gzip_is_not_asked_for(tracker, source, host):
    resource = source.add("/file.bin", Content(SIZE), gzip=True)
    assert_ok(host.get(resource.url, tracker=tracker), host, "file.bin", resource.content)
    assert all("gzip" not in request.headers.get("accept-encoding", "") for request in resource.requests)


# Redirects.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_to_another_host(tracker, source, host, status):
    resource = source.add("/real.bin", Content(SIZE))
    first = source.redirect("/file.bin", "/second.bin", status)
    source.redirect("/second.bin", source.url("/real.bin", "localhost"), status)
    assert_ok(host.get(first.url, tracker=tracker), host, "file.bin", resource.content)


def test_a_redirect_to_a_source_without_ranges(tracker, source, host):
    resource = source.add("/real.bin", Content(SIZE), ranges=False, framing="chunked")
    first = source.redirect("/file.bin", "/real.bin")
    assert_ok(host.get(first.url, tracker=tracker), host, "file.bin", resource.content)


def test_a_redirect_loop_is_an_error(tracker, source, host):
    first = source.redirect("/file.bin", "/other.bin")
    source.redirect("/other.bin", "/file.bin")
    assert_refused(host.get(first.url, tracker=tracker), 1, "redirect")
    assert_nothing_under(host, "file.bin")


def test_authorization_does_not_follow_a_redirect_to_another_host(tracker, source, host):
    resource = source.add("/real.bin", Content(1000))
    first = source.redirect("/file.bin", source.url("/real.bin", "localhost"))
    outcome = host.get(first.url, "-H", "Authorization: Bearer secret", tracker=tracker)
    assert_ok(outcome, host, "file.bin", resource.content)
    assert first.requests[0].headers["authorization"] == "Bearer secret"
    assert all("authorization" not in request.headers for request in resource.requests)


# Headers.


def test_headers_reach_the_source_with_every_request(tracker, source, host):
    resource = source.add("/file.bin", Content(SIZE))
    outcome = host.get(resource.url, "-H", "X-One: 1", "--header", "X-Two: two words: and a colon", tracker=tracker)
    assert_ok(outcome, host, "file.bin", resource.content)
    assert resource.requests
    for request in resource.requests:
        assert (request.headers.get("x-one"), request.headers.get("x-two")) == ("1", "two words: and a colon")


def test_a_source_that_wants_to_know_who_asks(tracker, source, host):
    resource = source.add("/file.bin", Content(SIZE), authorization="Bearer right")
    outcome = host.get(resource.url, "-H", "Authorization: Bearer right", tracker=tracker)
    assert_ok(outcome, host, "file.bin", resource.content)


def test_the_url_keeps_its_query_when_fetched(tracker, source, host):
    resource = source.add("/file.bin", Content(1000))
    outcome = host.get(resource.url + "?X-Amz-Signature=abc&v=%2F1", "--ignore-qp", "v", tracker=tracker)
    assert_ok(outcome, host, "file.bin", resource.content)
    assert {request.target for request in resource.requests} == {"/file.bin?X-Amz-Signature=abc&v=%2F1"}


# A source that says no.


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_of_the_source_is_reported_at_once(tracker, source, host, status):
    resource = source.add("/file.bin", Content(0), always=Reply(status, body=b"<html>no</html>"))
    assert_refused(host.get(resource.url, tracker=tracker), 1, str(status))
    assert_nothing_under(host, "file.bin")
    assert len(resource.requests) <= 3


@pytest.mark.parametrize("reply", [Reply(429, {"Retry-After": "1"}), Reply(503, {"Retry-After": "1"}), Reply(500),
                                   Reply(502)])
def test_a_busy_source_is_asked_again(tracker, source, host, reply):
    resource = source.add("/file.bin", Content(SIZE))
    resource.script.extend([reply, reply])
    assert_ok(host.get(resource.url, tracker=tracker), host, "file.bin", resource.content)


def test_retry_after_is_respected(tracker, source, host):
    resource = source.add("/file.bin", Content(SIZE))
    resource.script.append(Reply(429, {"Retry-After": "2"}))
    outcome = host.get(resource.url, tracker=tracker)
    assert_ok(outcome, host, "file.bin", resource.content)
    assert outcome.seconds >= 2


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_source_that_stays_busy_is_given_up_after_the_timeout(tracker, source, host, status):
    resource = source.add("/file.bin", Content(0), always=Reply(status))
    assert_refused(host.get(resource.url, "--timeout", 2, tracker=tracker), 1, str(status))
    assert_nothing_under(host, "file.bin")


# A source that breaks.


def test_a_source_that_cuts_bodies_is_read_on_where_it_broke(tracker, source, host):
    resource = source.add("/file.bin", Content(SIZE), cut_every=PIECE + 1000, cuts=3)
    assert_ok(host.get(resource.url, tracker=tracker), host, "file.bin", resource.content)
    assert resource.faults == 3
    assert resource.sent <= resource.content.size + 3 * PIECE, "more than the broken pieces was fetched again"


def test_a_source_without_ranges_that_cuts_a_body_is_read_again(tracker, source, host):
    resource = source.add("/file.bin", Content(SIZE), ranges=False, cut_every=PIECE + 1000, cuts=1)
    assert_ok(host.get(resource.url, tracker=tracker), host, "file.bin", resource.content)
    assert resource.faults == 1


def test_a_chunked_body_that_is_cut_is_not_taken_for_the_end(tracker, source, host):
    resource = source.add(
        "/file.bin", Content(SIZE), ranges=False, framing="chunked", cut_every=PIECE + 1000)
    outcome = host.get(resource.url, "--timeout", 3, tracker=tracker)
    assert_refused(outcome, 1)
    assert_nothing_under(host, "file.bin")


@pytest.mark.slow
def test_a_source_that_stalls_once_is_asked_again(tracker, source, host):
    resource = source.add("/file.bin", Content(SIZE), stall_after=PIECE + 1000, stalls=1)
    # A source may be silent for half a minute.
    assert_ok(host.get(resource.url, tracker=tracker, seconds=60), host, "file.bin", resource.content)
    assert resource.faults == 1


def test_a_source_that_stalls_for_ever_is_given_up_after_the_timeout(tracker, source, host):
    resource = source.add("/file.bin", Content(SIZE), stall_after=1000)
    assert_refused(host.get(resource.url, "--timeout", 2, tracker=tracker), 1)
    assert_nothing_under(host, "file.bin")


def test_a_wrong_content_range_never_spoils_the_file(tracker, source, host):
    resource = source.add("/file.bin", Content(SIZE), range_shift=PIECE)
    outcome = host.get(resource.url, "--timeout", 3, tracker=tracker)
    if outcome.code == 0:
        assert_ok(outcome, host, "file.bin", resource.content)
    else:
        assert_refused(outcome, 1)
        assert_nothing_under(host, "file.bin")


@pytest.mark.parametrize("size", [SIZE, SIZE - PIECE, SIZE + PIECE])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_source_that_changes_in_the_middle_gives_the_new_file_and_never_a_mix(tracker, source, host, size, ranges):
    before, after = Content(SIZE, "before"), Content(size, "after")
    resource = source.add(
        "/file.bin", before, ranges=ranges, cut_every=2 * PIECE + 1000, cuts=2, change=(2 * PIECE, after))
    outcome = host.get(resource.url, tracker=tracker)
    assert resource.content is after, "the source did not change: the test shows nothing"
    assert_ok(outcome, host, "file.bin", after)


def test_a_file_that_changed_since_the_last_download_is_fetched_anew(tracker, source, host):
    resource = source.add("/file.bin", Content(SIZE, "before"))
    assert host.get(resource.url, tracker=tracker).code == 0
    resource.content = Content(SIZE, "after")
    assert_ok(host.get(resource.url, tracker=tracker), host, "file.bin", resource.content)


# No source at all.


def test_a_name_that_does_not_resolve(tracker, host):
    outcome = host.get("http://no-such-host.invalid/file.bin", "--timeout", 10, tracker=tracker)
    assert_refused(outcome, 6, "no-such-host.invalid")
    assert_nothing_under(host, "file.bin")


def test_a_port_where_nobody_listens(tracker, host):
    port = free_port()
    outcome = host.get(f"http://127.0.0.1:{port}/file.bin", "--timeout", 10, tracker=tracker)
    assert_refused(outcome, 7, f"127.0.0.1:{port}")
    assert_nothing_under(host, "file.bin")


def test_a_server_that_does_not_speak_http(tracker, box, host):
    rubbish = box.rogue_tracker("binary")
    outcome = host.get(f"http://{rubbish.address}/file.bin", "--timeout", 3, tracker=tracker)
    assert_refused(outcome, 1)
    assert_nothing_under(host, "file.bin")


def test_a_source_with_endless_headers(tracker, box, host):
    rubbish = box.rogue_tracker("endless_headers")
    outcome = host.get(f"http://{rubbish.address}/file.bin", "--timeout", 3, tracker=tracker)
    assert_refused(outcome, 1)
    assert rubbish.flooded < 64 * MIB
