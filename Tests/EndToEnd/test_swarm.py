"""Several hosts: what they get from each other, and what they must not."""
import signal

import pytest

from checks import MIB, assert_nothing_under, assert_ok, assert_refused
from content import Content
from processes import free_port
from protocol import PIECE
from source_server import Reply


def test_eight_hosts_at_once_take_about_one_copy_from_the_source(box, tracker, source):
    resource = source.add("/file.bin", Content(16 * MIB + 77), rate=16 * MIB)
    hosts = box.hosts(8)
    running = [host.start_get(resource.url, tracker=tracker, upload_time=60) for host in hosts]
    for host, each in zip(hosts, running):
        assert_ok(each.wait(), host, "file.bin", resource.content)
    assert 1.0 <= resource.copies <= 1.3


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1])
def test_small_files_are_shared_too(box, tracker, source, size):
    resource = source.add("/file.bin", Content(size), rate=MIB)
    hosts = box.hosts(4)
    running = [host.start_get(resource.url, tracker=tracker, upload_time=60) for host in hosts]
    for host, each in zip(hosts, running):
        assert_ok(each.wait(), host, "file.bin", resource.content)
    assert resource.sent <= size + PIECE


def test_a_source_without_ranges_is_read_by_one_host(box, tracker, source):
    resource = source.add("/file.bin", Content(6 * MIB + 5), ranges=False, rate=6 * MIB)
    hosts = box.hosts(4)
    running = [host.start_get(resource.url, tracker=tracker, upload_time=60) for host in hosts]
    for host, each in zip(hosts, running):
        assert_ok(each.wait(), host, "file.bin", resource.content)
    assert resource.copies <= 1.5


def test_a_late_host_gets_the_file_from_peers_alone(box, tracker, source):
    resource = source.add("/file.bin", Content(4 * MIB + 1))
    assert box.host("a").get(resource.url, tracker=tracker, upload_time=300).code == 0
    before = resource.sent
    outcome = box.host("b").get(resource.url, "--no-fallback", tracker=tracker)
    assert_ok(outcome, box.host("b"), "file.bin", resource.content)
    assert resource.sent == before


def test_the_source_may_die_once_its_bytes_are_in_the_swarm(box, tracker, source):
    resource = source.add("/file.bin", Content(3 * MIB + 1))
    assert box.host("a").get(resource.url, tracker=tracker, upload_time=300).code == 0
    source.close()
    outcome = box.host("b").get(resource.url, tracker=tracker)
    assert_ok(outcome, box.host("b"), "file.bin", resource.content)


def test_without_fallback_and_without_peers_it_fails(tracker, source, host):
    resource = source.add("/file.bin", Content(MIB))
    assert_refused(host.get(resource.url, "--no-fallback", tracker=tracker), 1, "peer")
    assert_nothing_under(host, "file.bin")
    assert resource.sent == 0


def test_peers_killed_in_the_middle_are_replaced_by_the_source(box, tracker, source):
    resource = source.add("/file.bin", Content(8 * MIB))
    first, second = box.hosts(2)
    assert first.get(resource.url, "--upload-rate", "2M", tracker=tracker, upload_time=300).code == 0
    nodes = set(box.processes())
    running = second.start_get(resource.url, tracker=tracker)
    before = resource.sent
    second.wait_written(2 * MIB)
    box.signal_only(nodes, signal.SIGKILL)
    assert_ok(running.wait(), second, "file.bin", resource.content)
    assert resource.sent > before, "the first host was killed too late: the test shows nothing"


def test_peers_killed_in_the_middle_without_fallback_are_an_error(box, tracker, source):
    resource = source.add("/file.bin", Content(8 * MIB))
    first, second = box.hosts(2)
    assert first.get(resource.url, "--upload-rate", "2M", tracker=tracker, upload_time=300).code == 0
    nodes = set(box.processes())
    running = second.start_get(resource.url, "--no-fallback", tracker=tracker)
    second.wait_written(2 * MIB)
    box.signal_only(nodes, signal.SIGKILL)
    assert_refused(running.wait(), 1, "peer")
    assert_nothing_under(second, "file.bin")


def test_a_host_killed_while_it_holds_leases_stops_nobody(box, tracker, source):
    resource = source.add("/file.bin", Content(6 * MIB), rate=3 * MIB)
    hosts = box.hosts(3)
    running = [hosts[0].start_get(resource.url, tracker=tracker)]
    resource.wait_sent(MIB // 2)
    victims = set(box.processes())
    running += [host.start_get(resource.url, tracker=tracker) for host in hosts[1:]]
    resource.wait_sent(2 * MIB)
    box.signal_only(victims, signal.SIGKILL)
    for host, each in zip(hosts[1:], running[1:]):
        assert_ok(each.wait(), host, "file.bin", resource.content)


# What makes two requests the same task.


def share(box, tracker, url_a, arguments_a, url_b, arguments_b):
    """Host a fetches and serves, then host b asks peers only; b's outcome."""
    outcome = box.host("a").get(url_a, *arguments_a, tracker=tracker, upload_time=300)
    assert outcome.code == 0, outcome.err
    return box.host("b").get(url_b, *arguments_b, "--no-fallback", tracker=tracker)


@pytest.mark.parametrize("header", ["Authorization: Bearer right", "Cookie: session=1"])
def test_credentials_separate_tasks(box, tracker, source, header):
    resource = source.add("/file.bin", Content(MIB))
    outcome = share(box, tracker, resource.url, ["-H", header], resource.url, [])
    assert_refused(outcome, 1)
    assert_nothing_under(box.host("b"), "file.bin")


def test_other_credentials_are_another_task(box, tracker, source):
    resource = source.add("/file.bin", Content(MIB))
    outcome = share(
        box, tracker, resource.url, ["-H", "Authorization: Bearer one"], resource.url,
        ["-H", "Authorization: Bearer two"])
    assert_refused(outcome, 1)


def test_equal_credentials_are_one_task(box, tracker, source):
    resource = source.add("/file.bin", Content(MIB), authorization="Bearer right")
    header = ["-H", "Authorization: Bearer right"]
    outcome = share(box, tracker, resource.url, header, resource.url, ["-H", "authorization: Bearer right"])
    assert_ok(outcome, box.host("b"), "file.bin", resource.content)


def test_who_may_not_read_the_source_gets_nothing_from_those_who_may(box, tracker, source):
    resource = source.add("/file.bin", Content(MIB), authorization="Bearer right")
    header = ["-H", "Authorization: Bearer right"]
    assert box.host("a").get(resource.url, *header, tracker=tracker, upload_time=300).code == 0
    assert_refused(box.host("b").get(resource.url, tracker=tracker), 1, "401")
    assert_nothing_under(box.host("b"), "file.bin")


@pytest.mark.parametrize("flag", ["--tag", "--application"])
def test_tag_and_application_separate_tasks(box, tracker, source, flag):
    resource = source.add("/file.bin", Content(MIB))
    assert_refused(share(box, tracker, resource.url, [flag, "x"], resource.url, [flag, "y"]), 1)
    again = box.host("c").get(resource.url, flag, "x", "--no-fallback", tracker=tracker)
    assert_ok(again, box.host("c"), "file.bin", resource.content)


@pytest.mark.parametrize("flag", ["--ignore-qp", "--filtered-query-param"])
def test_ignored_query_parameters_do_not_separate_tasks(box, tracker, source, flag):
    resource = source.add("/file.bin", Content(MIB))
    arguments = [flag, "sig"]
    outcome = share(
        box, tracker, resource.url + "?sig=1&v=2", arguments, resource.url + "?sig=9&v=2", arguments)
    assert_ok(outcome, box.host("b"), "file.bin", resource.content)


def test_several_ignored_parameters_do_not_swallow_the_url(source, host):
    resource = source.add("/file.bin", Content(10))
    outcome = host.run("get", "--ignore-qp", "a", "b", "--upload-time", 0, resource.url + "?a=1&b=2")
    assert_ok(outcome, host, "file.bin", resource.content)


def test_signatures_of_urls_are_ignored_by_default(box, tracker, source):
    resource = source.add("/file.bin", Content(MIB))
    first = resource.url + "?X-Amz-Signature=aaa&X-Amz-Date=1"
    second = resource.url + "?X-Amz-Signature=bbb&X-Amz-Date=2"
    assert_ok(share(box, tracker, first, [], second, []), box.host("b"), "file.bin", resource.content)


def test_other_query_parameters_separate_tasks(box, tracker, source):
    resource = source.add("/file.bin", Content(MIB))
    assert_refused(share(box, tracker, resource.url + "?v=1", [], resource.url + "?v=2", []), 1)


def test_a_fragment_does_not_separate_tasks(box, tracker, source):
    resource = source.add("/file.bin", Content(MIB))
    outcome = share(box, tracker, resource.url + "#one", [], resource.url, [])
    assert_ok(outcome, box.host("b"), "file.bin", resource.content)


# Several trackers.


def test_the_tracker_may_be_named_by_the_environment(box, tracker, source):
    resource = source.add("/file.bin", Content(MIB))
    assert box.host("a").get(resource.url, env={"MINION_TRACKER": tracker.address}, upload_time=300).code == 0
    outcome = box.host("b").get(resource.url, "--no-fallback", env={"MINION_TRACKER": tracker.address})
    assert_ok(outcome, box.host("b"), "file.bin", resource.content)


def test_the_tracker_may_be_named_by_a_url(box, tracker, source):
    resource = source.add("/file.bin", Content(MIB))
    url = f"http://{tracker.address}/"
    assert box.host("a").get(resource.url, tracker=url, upload_time=300).code == 0
    outcome = box.host("b").get(resource.url, "--no-fallback", tracker=tracker)
    assert_ok(outcome, box.host("b"), "file.bin", resource.content)


def test_the_second_tracker_is_taken_when_the_first_is_dead(box, tracker, source):
    resource = source.add("/file.bin", Content(MIB))
    trackers = ["--tracker", f"127.0.0.1:{free_port()}", "--tracker", tracker.address]
    assert box.host("a").get(resource.url, *trackers, upload_time=300).code == 0
    outcome = box.host("b").get(resource.url, *trackers, "--no-fallback")
    assert_ok(outcome, box.host("b"), "file.bin", resource.content)


# Versions.


def test_peers_of_different_versions_never_mix(box, tracker, source):
    before, after = Content(3 * MIB, "before"), Content(3 * MIB, "after")
    resource = source.add("/file.bin", before)
    assert box.host("a").get(resource.url, tracker=tracker, upload_time=300).code == 0
    resource.content = after
    outcome = box.host("b").get(resource.url, tracker=tracker)
    assert outcome.code == 0, outcome.err
    assert box.host("b").read("file.bin") in (before.bytes(), after.bytes())


def test_a_source_that_changes_under_a_swarm_never_gives_a_mix(box, tracker, source):
    before, after = Content(4 * MIB, "before"), Content(4 * MIB, "after")
    resource = source.add("/file.bin", before, rate=3 * MIB, change=(2 * MIB, after))
    hosts = box.hosts(3)
    running = [host.start_get(resource.url, tracker=tracker, upload_time=60) for host in hosts]
    for host, each in zip(hosts, running):
        outcome = each.wait()
        if outcome.code == 0:
            assert host.read("file.bin") in (before.bytes(), after.bytes())
        else:
            assert_refused(outcome, 1)
            assert_nothing_under(host, "file.bin")


def test_a_busy_source_is_not_asked_by_everybody(box, tracker, source):
    resource = source.add("/file.bin", Content(2 * MIB))
    resource.script.extend([Reply(503, {"Retry-After": "1"})] * 2)
    hosts = box.hosts(4)
    running = [host.start_get(resource.url, tracker=tracker, upload_time=60) for host in hosts]
    for host, each in zip(hosts, running):
        assert_ok(each.wait(), host, "file.bin", resource.content)
    assert resource.copies <= 1.5
