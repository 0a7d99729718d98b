"""Trackers that are away, go away, come back, or answer rubbish: the file arrives all the same."""
import pytest

from checks import MIB, assert_nothing_under, assert_ok, assert_refused
from content import Content
from processes import free_port
from protocol import PIECE

RUBBISH = [
    "html", "server_error", "not_found", "binary", "closes", "half", "empty_object", "wrong_types", "deep_json",
    "endless_json", "endless_headers", "nothing",
]

#: Answers of the right form that make no sense; some may look like a tracker that merely has nothing to give.
NONSENSE = [
    "huge_number", "lease_out_of_range", "negative_lease", "huge_times", "negative_times", "absurd_version",
    "refuses_everything_fetched", "absurd_neighbours",
]


def test_without_a_reachable_tracker_the_file_comes_from_the_source_with_a_warning(source, host):
    resource = source.add("/file.bin", Content(MIB + 1))
    address = f"127.0.0.1:{free_port()}"
    outcome = host.get(resource.url, tracker=address)
    assert_ok(outcome, host, "file.bin", resource.content)
    assert "tracker" in outcome.err.lower() and address in outcome.err


def test_without_a_reachable_tracker_and_without_fallback_it_fails(source, host):
    resource = source.add("/file.bin", Content(MIB))
    address = f"127.0.0.1:{free_port()}"
    assert_refused(host.get(resource.url, "--no-fallback", tracker=address), 5, address)
    assert_nothing_under(host, "file.bin")
    assert resource.sent == 0


def test_a_tracker_whose_name_does_not_resolve(source, host):
    resource = source.add("/file.bin", Content(MIB))
    outcome = host.get(resource.url, tracker="no-such-host.invalid:8080")
    assert_ok(outcome, host, "file.bin", resource.content)
    assert "no-such-host.invalid" in outcome.err
    again = host.get(resource.url, "--no-fallback", "-o", "again", tracker="no-such-host.invalid:8080")
    assert_refused(again, 5, "no-such-host.invalid")


@pytest.mark.parametrize("behaviour", RUBBISH)
def test_a_tracker_that_answers_rubbish_does_not_keep_the_file_away(box, source, host, behaviour):
    rogue = box.rogue_tracker(behaviour)
    resource = source.add("/file.bin", Content(MIB + 1))
    outcome = host.get(resource.url, tracker=rogue)
    assert_ok(outcome, host, "file.bin", resource.content)
    assert rogue.asked > 0
    assert "tracker" in outcome.err.lower() and rogue.address in outcome.err
    assert rogue.flooded < 64 * MIB, "it reads whatever it is sent"


@pytest.mark.parametrize("behaviour", ["html", "closes", "endless_json", "wrong_types"])
def test_a_tracker_that_answers_rubbish_without_fallback_is_an_error(box, source, host, behaviour):
    rogue = box.rogue_tracker(behaviour)
    resource = source.add("/file.bin", Content(MIB + 1))
    outcome = host.get(resource.url, "--no-fallback", tracker=rogue)
    assert_refused(outcome, 5, rogue.address)
    assert_nothing_under(host, "file.bin")


@pytest.mark.parametrize("behaviour", NONSENSE)
def test_a_tracker_that_talks_nonsense_does_no_harm(box, source, host, behaviour):
    rogue = box.rogue_tracker(behaviour)
    resource = source.add("/file.bin", Content(MIB + 1))
    outcome = host.get(resource.url, "--timeout", 5, tracker=rogue)
    assert rogue.asked > 0
    if outcome.code == 0:
        assert_ok(outcome, host, "file.bin", resource.content)
    else:
        assert_refused(outcome, 1)
        assert_nothing_under(host, "file.bin")


def test_a_tracker_killed_in_the_middle_stops_nobody(box, tracker, source):
    resource = source.add("/file.bin", Content(6 * MIB), rate=3 * MIB)
    hosts = box.hosts(2)
    running = [host.start_get(resource.url, tracker=tracker) for host in hosts]
    resource.wait_sent(MIB)
    tracker.kill()
    for host, each in zip(hosts, running):
        assert_ok(each.wait(), host, "file.bin", resource.content)


def test_transfers_between_peers_go_on_without_the_tracker(box, tracker, source):
    resource = source.add("/file.bin", Content(6 * MIB))
    first, second = box.hosts(2)
    assert first.get(resource.url, "--upload-rate", "2M", tracker=tracker, upload_time=300).code == 0
    source.close()
    running = second.start_get(resource.url, "--no-fallback", tracker=tracker)
    second.wait_written(MIB)
    tracker.kill()
    assert_ok(running.wait(), second, "file.bin", resource.content)


def test_a_tracker_that_restarts_empty_in_the_middle_is_joined_again(box, tracker, source):
    resource = source.add("/file.bin", Content(8 * MIB), rate=3 * MIB)
    hosts = box.hosts(2)
    running = [host.start_get(resource.url, tracker=tracker, upload_time=60) for host in hosts]
    resource.wait_sent(2 * MIB)
    tracker.kill()
    tracker.restart()
    for host, each in zip(hosts, running):
        assert_ok(each.wait(), host, "file.bin", resource.content)
    assert resource.copies <= 2


def test_peers_that_serve_join_a_restarted_tracker_again(box, tracker, source):
    resource = source.add("/file.bin", Content(2 * MIB))
    assert box.host("a").get(resource.url, tracker=tracker, upload_time=300).code == 0
    tracker.kill()
    tracker.restart()
    tracker.node_address(resource.url)
    outcome = box.host("b").get(resource.url, "--no-fallback", tracker=tracker)
    assert_ok(outcome, box.host("b"), "file.bin", resource.content)


def test_a_tracker_that_comes_late_is_used(box, source):
    tracker = box.tracker()
    tracker.kill()
    resource = source.add("/file.bin", Content(8 * MIB), rate=3 * MIB)
    first, second = box.hosts(2)
    running = first.start_get(resource.url, tracker=tracker, upload_time=300)
    resource.wait_sent(PIECE)
    tracker.restart()
    assert_ok(running.wait(), first, "file.bin", resource.content)
    tracker.node_address(resource.url)
    outcome = second.get(resource.url, "--no-fallback", tracker=tracker)
    assert_ok(outcome, second, "file.bin", resource.content)
