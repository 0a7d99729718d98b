"""`minion share`: a file of one machine for all, without a source."""
import json
import os
import signal

import pytest

from checks import MIB, assert_nothing_under, assert_ok, assert_refused
from content import Content
from processes import STOPPING
from protocol import PIECE, task_id
from waiting import wait_until


def write(host, name, content):
    (host.files / name).write_bytes(content.bytes())


def start_share(host, path, *arguments, tracker):
    """Starts it, and returns when others can get the file."""
    running = host.start("share", path, "--tracker", tracker.address, *arguments)
    wait_until(lambda: b"on each machine" in running.out or not running.is_running, "the file to be offered")
    assert running.is_running, running.err
    return running


def stop(running):
    running.send(signal.SIGTERM)
    assert running.wait(STOPPING).code == 143


@pytest.fixture
def sharer(box):
    return box.host("sharer")


@pytest.mark.parametrize("size", [0, 1, PIECE, 3 * MIB + 7])
def test_a_file_of_any_size_is_shared(tracker, sharer, host, size):
    content = Content(size)
    write(sharer, "disk.img", content)
    running = start_share(sharer, "disk.img", tracker=tracker)
    assert_ok(host.get("minion:disk.img", tracker=tracker), host, "disk.img", content)
    stop(running)


def test_the_command_that_is_printed_works(tracker, sharer, host):
    content = Content(MIB)
    write(sharer, "disk.img", content)
    running = start_share(sharer, "disk.img", "--as", "it's/nightly;42", "--tag", "a b", tracker=tracker)
    line = next(line for line in running.out.decode().splitlines() if line.startswith("on each machine: "))
    command = line[len("on each machine: "):].replace("minion", '"$MINION"', 1)
    outcome = host.shell(command + " --upload-time 0")
    assert_ok(outcome, host, "nightly;42", content)
    stop(running)


def test_many_get_it_and_give_it_to_each_other(box, tracker, sharer):
    content = Content(6 * MIB)
    write(sharer, "disk.img", content)
    running = start_share(sharer, "disk.img", "--upload-rate", "3M", tracker=tracker)
    hosts = box.hosts(3)
    gets = [each.start_get("minion:disk.img", tracker=tracker, upload_time=60) for each in hosts]
    for each, get in zip(hosts, gets):
        assert_ok(get.wait(), each, "disk.img", content)
    stop(running)


def test_those_who_came_first_get_it_when_it_is_shared(tracker, sharer, host):
    content = Content(MIB)
    write(sharer, "disk.img", content)
    getting = host.start_get("minion:disk.img", tracker=tracker)
    wait_until(lambda: tracker.ask("/v1/tasks").json["total"] == 1, "the get to join")
    running = start_share(sharer, "disk.img", tracker=tracker)
    assert_ok(getting.wait(), host, "disk.img", content)
    stop(running)


def test_it_takes_the_place_of_a_source_that_is_gone(tracker, sharer, host):
    content = Content(MIB)
    write(sharer, "copy.iso", content)
    url = "http://127.0.0.1:9/file.iso"
    running = start_share(sharer, "copy.iso", "--as", url, tracker=tracker)
    assert_ok(host.get(url, tracker=tracker), host, "file.iso", content)
    stop(running)


def test_the_hosts_node_gets_it_too_and_gives_it_on(box, tracker, sharer):
    content = Content(2 * MIB)
    write(sharer, "disk.img", content)
    a, b = box.host("a"), box.host("b")
    box.peer(a, tracker=tracker)
    running = start_share(sharer, "disk.img", tracker=tracker)
    assert_ok(a.get("minion:disk.img"), a, "disk.img", content)
    stop(running)
    assert_ok(b.get("minion:disk.img", tracker=tracker), b, "disk.img", content)


def test_json_tells_every_step(tracker, sharer, host):
    content = Content(4 * MIB)
    write(sharer, "disk.img", content)
    outcome = sharer.run(
        "share", "disk.img", "--tracker", tracker.address, "--progress", "json", "--wait", "0.5")
    assert (outcome.code, outcome.err) == (0, "")
    events = [json.loads(line) for line in outcome.out.splitlines()]
    names = [event["event"] for event in events]
    assert (names[0], names[-2:]) == ("start", ["shared", "ended"]) and set(names[1:-2]) <= {"progress"}
    shared = events[-2]
    assert shared["url"] == "minion:disk.img" and shared["size"] == 4 * MIB
    assert shared["task"] == task_id("minion:disk.img") and shared["path"] == str(sharer.files / "disk.img")
    assert shared["command"] == f"minion get minion:disk.img --tracker {tracker.address}"


def test_it_ends_when_the_time_is_over(tracker, sharer):
    write(sharer, "disk.img", Content(1000))
    outcome = sharer.run("share", "disk.img", "--tracker", tracker.address, "--wait", 1)
    assert outcome.code == 0 and 1 <= outcome.seconds


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it(tracker, sharer, number):
    write(sharer, "disk.img", Content(1000))
    running = start_share(sharer, "disk.img", tracker=tracker)
    running.send(number)
    assert running.wait(STOPPING).code == 128 + number
    assert sharer.listing() == ["disk.img"]
    assert not tracker.peers("minion:disk.img")


@pytest.mark.parametrize("change", ["written to", "replaced", "cut", "removed"])
def test_a_file_that_changes_is_offered_no_longer(tracker, sharer, host, change):
    """Whoever asks gets the bytes that were offered or none."""
    content = Content(4 * MIB)
    write(sharer, "disk.img", content)
    running = start_share(sharer, "disk.img", "--upload-rate", "1M", tracker=tracker)
    getting = host.start_get("minion:disk.img", "--timeout", "5", tracker=tracker)
    host.wait_written(PIECE)
    path = sharer.files / "disk.img"
    if change == "written to":
        with open(path, "r+b") as file:
            file.seek(3 * MIB)
            file.write(b"other bytes")
    elif change == "replaced":
        write(sharer, "other", Content(4 * MIB, "other"))
        os.replace(sharer.files / "other", path)
    elif change == "cut":
        os.truncate(path, MIB)
    else:
        path.unlink()
    if change in ("written to", "cut"):
        outcome = running.wait(STOPPING)
        assert outcome.code == 1 and "disk.img" in outcome.err and "changed" in outcome.err
        assert getting.wait().code == 1
        assert_nothing_under(host, "disk.img")
    else:
        # The open file is still what was offered; whether it is offered on or not, no other byte may come.
        if getting.wait().code == 0:
            assert (host.files / "disk.img").read_bytes() == content.bytes()
        if running.is_running:
            stop(running)


@pytest.mark.parametrize("prepare, words", [
    (lambda host: None, ["disk.img"]), (lambda host: (host.files / "disk.img").mkdir(), ["disk.img"]),
    (lambda host: os.mkfifo(host.files / "disk.img"), ["disk.img"]),
])
def test_what_cannot_be_shared(tracker, sharer, prepare, words):
    prepare(sharer)
    outcome = sharer.run("share", "disk.img", "--tracker", tracker.address, seconds=20)
    assert_refused(outcome, 1, *words)


@pytest.mark.root
def test_a_file_that_may_not_be_read(box, tracker, sharer):
    write(sharer, "disk.img", Content(1000))
    (sharer.files / "disk.img").chmod(0)
    for path in (box.root, sharer.root, sharer.files):
        path.chmod(0o755)
    outcome = sharer.run(
        "share", "disk.img", "--tracker", tracker.address, user=65534, group=65534, extra_groups=[], seconds=20)
    assert_refused(outcome, 1, "disk.img", "permission denied")


@pytest.mark.parametrize("arguments, words", [
    (["disk.img"], ["tracker"]), ([], ["path"]), (["disk.img", "--as", "a b", "--tracker", "t"], ["a b"]),
    (["disk.img", "--wait", "-1", "--tracker", "t"], ["--wait"]),
    (["disk.img", "--as", "ftp://h/f", "--tracker", "t"], ["ftp"]),
])
def test_nonsense_is_refused(sharer, arguments, words):
    write(sharer, "disk.img", Content(10))
    assert_refused(sharer.run("share", *arguments, seconds=20), 2, *words)


# Who has it.


def test_peers_of_a_file_are_listed(box, tracker, source):
    a, b = box.host("a"), box.host("b")
    resource = source.add("/file.bin", Content(2 * MIB))
    for each in (a, b):
        assert each.get(resource.url, "--site", each.root.name, tracker=tracker, upload_time=300).code == 0
    outcome = a.run("peers", resource.url, "--tracker", tracker.address, "--json")
    assert outcome.code == 0, outcome.err
    peers = [json.loads(line) for line in outcome.out.splitlines()]
    assert {peer["site"] for peer in peers} == {"a", "b"}
    assert all(peer["complete"] and peer["pieces"] == 8 for peer in peers)
    assert sum(peer["bytesFromSource"] + peer["bytesFromPeers"] for peer in peers) == 4 * MIB
    table = a.run("peers", resource.url, env={"MINION_TRACKER": tracker.address}).out.decode().splitlines()
    assert table[0].startswith(resource.url) and "2 peers, 2 complete" in table[0]
    assert len(table) == 4 and "100%" in table[2]
    by_id = a.run("peers", task_id(resource.url), "--tracker", tracker.address, "--json")
    assert by_id.out == outcome.out or by_id.code == 0


@pytest.mark.parametrize("arguments, code, words", [
    (["http://h/none"], 1, ["nobody"]), (["http://h/none", "--tracker", "127.0.0.1:9"], 5, ["127.0.0.1:9"]),
    (["ftp://h/none"], 2, ["ftp"]),
])
def test_peers_that_cannot_be_told(tracker, host, arguments, code, words):
    if "--tracker" not in arguments:
        arguments = [*arguments, "--tracker", tracker.address]
    assert_refused(host.run("peers", *arguments, seconds=20), code, *words)


def test_a_server_that_is_no_tracker_is_told_apart(source, host):
    outcome = host.run("peers", "http://h/none", "--tracker", source.url("")[len("http://"):], seconds=20)
    assert_refused(outcome, 1, "tracker")


def test_without_a_tracker_there_is_nobody_to_ask(host):
    assert_refused(host.run("peers", "http://h/f"), 2, "tracker")
