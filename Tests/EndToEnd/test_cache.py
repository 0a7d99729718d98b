"""`minion cache`: what a host keeps, with its node and without one."""
import json

import pytest

from checks import MIB, assert_ok, assert_refused
from content import Content
from protocol import PIECE, task_id
from waiting import wait_until


@pytest.fixture
def peer(box, tracker, host):
    return box.peer(host, tracker=tracker)


@pytest.fixture(params=["through the node", "in the folder"])
def cached(request, box, tracker, source, host):
    """Two files in a cache; then the node goes on, or is gone. Its peer, resources and the flags that find the cache."""
    peer = box.peer(host, tracker=tracker)
    resources = [source.add(f"/{name}.bin", Content(size)) for name, size in (("one", 2 * MIB), ("two", 1000))]
    for each in resources:
        assert host.get(each.url).code == 0
    if request.param == "through the node":
        return peer, resources, []
    peer.stop()
    host.socket = None
    return peer, resources, ["--cache-dir", str(peer.cache)]


def listed(host, flags, *arguments):
    outcome = host.run("cache", *(arguments or ["ls"]), "--json", *flags)
    assert outcome.code == 0, outcome.err
    return [json.loads(line) for line in outcome.out.splitlines()]


def test_the_list_has_the_newest_first(cached, host):
    _, resources, flags = cached
    entries = listed(host, flags)
    assert [entry["resource"] for entry in entries] == [each.url for each in reversed(resources)]
    assert [entry["name"] for entry in entries] == ["two.bin", "one.bin"]
    first = entries[1]
    assert first["task"] == task_id(resources[0].url) and first["validator"] == resources[0].content.etag
    assert first["size"] == first["bytesHere"] == 2 * MIB and first["complete"]
    with open(first["path"], "rb") as file:
        assert file.read() == resources[0].content.bytes()


def test_people_see_a_table(cached, host):
    _, resources, flags = cached
    outcome = host.run("cache", "ls", *flags)
    lines = outcome.out.decode().splitlines()
    assert outcome.code == 0 and len(lines) == 3 and lines[0].startswith("TASK")
    assert "complete" in lines[1] and lines[1].endswith(resources[1].url)
    stat = host.run("cache", "stat", *flags)
    assert "2 complete, 0 partial" in stat.out.decode()
    details = host.run("cache", "stat", resources[0].url, *flags)
    assert task_id(resources[0].url) in details.out.decode()


def test_the_whole_is_summed(cached, host):
    peer, _, flags = cached
    [total] = listed(host, flags, "stat")
    assert total["folder"] == str(peer.cache) and total["entries"] == total["completeEntries"] == 2
    assert total["bytesHere"] == 2 * MIB + 1000 and total["limit"] > 0


@pytest.mark.parametrize("by", ["url", "id", "name"])
def test_content_is_removed_by_any_of_its_names(cached, host, by):
    peer, resources, flags = cached
    name = {"url": resources[0].url, "id": task_id(resources[0].url)[:8], "name": "one.bin"}[by]
    outcome = host.run("cache", "rm", name, *flags)
    assert outcome.code == 0 and outcome.out.decode().startswith(f"removed {resources[0].url} (2.0"), outcome.err
    assert [entry["resource"] for entry in listed(host, flags)] == [resources[1].url]
    assert len(peer.content()) == 1


def test_all_is_removed(cached, host):
    peer, _, flags = cached
    assert host.run("cache", "rm", "--all", *flags).code == 0
    assert listed(host, flags) == [] and peer.content() == []


def test_what_was_removed_is_fetched_again(peer, source, host):
    resource = source.add("/file.bin", Content(MIB))
    assert host.get(resource.url).code == 0
    sent = resource.sent
    assert host.run("cache", "rm", resource.url).code == 0
    assert_ok(host.get(resource.url, "-o", "again"), host, "again", resource.content)
    assert resource.sent - sent >= MIB


def test_what_is_being_downloaded_is_not_removed(peer, source, host):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)
    running = host.start_get(resource.url)
    resource.wait_sent(PIECE)
    wait_until(lambda: listed(host, []), "the download to be in the cache")
    outcome = host.run("cache", "rm", resource.url)
    assert outcome.code == 1 and resource.url in outcome.err
    resource.release()
    assert_ok(running.wait(), host, "file.bin", resource.content)


def test_right_content_is_found_right(cached, host):
    _, resources, flags = cached
    outcome = host.run("cache", "verify", *flags)
    assert outcome.code == 0 and outcome.out.decode().count("are right") == 2
    checks = listed(host, flags, "verify", resources[0].url)
    assert [(check["pieces"], check["badPieces"], check["failure"]) for check in checks] == [(8, 0, None)]


def test_wrong_content_is_found_and_fetched_again(cached, source, host, box, tracker):
    peer, resources, flags = cached
    path = next(path for path in peer.content() if path.stat().st_size == 2 * MIB)
    with open(path, "r+b") as file:
        file.seek(PIECE + 5)
        file.write(b"damage")
    outcome = host.run("cache", "verify", *flags)
    assert outcome.code == 1 and "1 of 8 pieces" in outcome.out.decode()
    if flags:
        peer.restart()
        host.socket = peer.socket
    sent = resources[0].sent
    assert_ok(host.get(resources[0].url, "-o", "again"), host, "again", resources[0].content)
    assert PIECE <= resources[0].sent - sent <= MIB


@pytest.mark.parametrize("arguments, words", [
    (["rm"], ["--all"]), (["rm", "x", "--all"], ["--all"]), (["list"], []), (["rm", "http://h/none"], ["http://h/none"]),
    (["stat", "none.bin"], ["none.bin"]), (["ls", "--socket", "/nowhere/s"], ["/nowhere/s"]),
])
def test_nonsense_is_refused(peer, host, arguments, words):
    outcome = host.run("cache", *arguments)
    assert outcome.code in (1, 2) and outcome.out == b""
    for word in words:
        assert word in outcome.err


def test_a_cache_that_is_not_there_is_empty_and_not_made(host):
    outcome = host.run("cache", "ls", "--json", "--cache-dir", host.root / "none")
    assert (outcome.code, outcome.out, outcome.err) == (0, b"", "")
    assert not (host.root / "none").exists()


def test_a_folder_that_a_node_has_is_not_opened_twice(peer, host):
    outcome = host.run("cache", "ls", "--cache-dir", peer.cache)
    assert_refused(outcome, 1, str(peer.process.pid))


def test_foreign_files_are_neither_counted_nor_removed(box, tracker, source, host, peer):
    resource = source.add("/file.bin", Content(1000))
    assert host.get(resource.url).code == 0
    (peer.cache / "mine.txt").write_text("mine")
    (peer.cache / "tasks" / "mine").mkdir()
    peer.stop()
    peer.restart()
    assert host.run("cache", "rm", "--all").code == 0
    assert (peer.cache / "mine.txt").read_text() == "mine" and (peer.cache / "tasks" / "mine").is_dir()
    [total] = listed(host, [], "stat")
    assert total["entries"] == 0 and total["bytesOnDisk"] == 0
