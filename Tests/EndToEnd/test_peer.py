"""The node of a host: a cache, one download for all who want it, and a place for its files."""
import json
import os
import signal
import time

import pytest

from checks import MIB, assert_file, assert_nothing_under, assert_ok, assert_refused, peak_memory
from content import Content
from processes import STOPPING
from protocol import PIECE
from waiting import wait_until


@pytest.fixture
def peer(box, tracker, host):
    return box.peer(host, tracker=tracker)


# What a get gets.


@pytest.mark.parametrize("size", [0, 1, PIECE, 3 * MIB + 12_345])
def test_a_file_of_any_size_arrives_whole(peer, source, host, size):
    resource = source.add("/file.bin", Content(size))
    assert_ok(host.get(resource.url), host, "file.bin", resource.content)
    assert host.listing() == ["file.bin"]
    assert resource.sent <= 1.05 * size + 1, "a copy, and the byte that tells what there is"


def test_without_a_tracker_it_caches_too(box, source, host):
    box.peer(host)
    resource = source.add("/file.bin", Content(MIB + 1))
    assert_ok(host.get(resource.url), host, "file.bin", resource.content)
    before = len(resource.requests)
    assert_ok(host.get(resource.url, "-o", "again"), host, "again", resource.content)
    assert len(resource.requests) == before


@pytest.mark.parametrize("behaviour", [
    {"ranges": False}, {"framing": "chunked", "ranges": False}, {"framing": "close", "ranges": False},
    {"etag": False}, {"etag": False, "last_modified": False},
])
def test_every_kind_of_source_is_cached(peer, source, host, behaviour):
    resource = source.add("/file.bin", Content(2 * MIB + 5), **behaviour)
    assert_ok(host.get(resource.url), host, "file.bin", resource.content)
    assert_ok(host.get(resource.url, "-o", "again"), host, "again", resource.content)


def test_the_second_get_asks_nobody(box, tracker, peer, source, host):
    resource = source.add("/file.bin", Content(4 * MIB))
    assert_ok(host.get(resource.url), host, "file.bin", resource.content)
    asked = len(resource.requests)
    tracker.kill()
    outcome = host.get(resource.url, "-o", "again.bin", "--progress", "json")
    assert_ok(outcome, host, "again.bin", resource.content)
    assert len(resource.requests) == asked
    last = json.loads(outcome.out.splitlines()[-1])
    assert last["event"] == "finished" and last["path"] == str(host.files / "again.bin")
    assert (last["bytesFromSource"], last["bytesFromPeers"], last["bytesAlreadyHere"]) == (0, 0, 4 * MIB)
    tracker.restart()


def test_what_is_not_fresh_any_more_is_asked_for_once(peer, source, host):
    resource = source.add("/file.bin", Content(2 * MIB), cache_control="max-age=0")
    assert_ok(host.get(resource.url), host, "file.bin", resource.content)
    sent, asked = resource.sent, len(resource.requests)
    assert_ok(host.get(resource.url, "-o", "again"), host, "again", resource.content)
    assert asked < len(resource.requests) <= asked + 2
    assert resource.sent - sent <= 2, "the same version was fetched again"


def test_a_new_version_is_fetched(peer, source, host):
    resource = source.add("/file.bin", Content(2 * MIB, "before"), cache_control="max-age=0")
    assert_ok(host.get(resource.url), host, "file.bin", resource.content)
    resource.content = Content(2 * MIB + 1, "after")
    assert_ok(host.get(resource.url), host, "file.bin", resource.content)


def test_two_gets_at_once_make_one_download(peer, source, host):
    resource = source.add("/file.bin", Content(6 * MIB), rate=6 * MIB)
    running = [host.start_get(resource.url, "-o", f"file{i}") for i in range(3)]
    for i, each in enumerate(running):
        assert_ok(each.wait(), host, f"file{i}", resource.content)
    assert resource.copies <= 1.05


def test_a_get_that_is_cancelled_does_not_stop_the_other(peer, source, host):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)
    running = [host.start_get(resource.url, "-o", f"file{i}") for i in range(2)]
    resource.wait_sent(PIECE)
    wait_until(lambda: in_use(host) == 1, "the download to be in the cache")
    running[0].send(signal.SIGINT)
    assert running[0].wait(STOPPING).code == 130
    resource.release()
    assert_ok(running[1].wait(), host, "file1", resource.content)
    assert_nothing_under(host, "file0")


def in_use(host):
    entries = [json.loads(line) for line in host.run("cache", "ls", "--json").out.splitlines()]
    return sum(entry["inUse"] for entry in entries)


def test_a_download_that_nobody_wants_any_more_ends(peer, source, host):
    resource = source.add("/file.bin", Content(4 * MIB), rate=2 * MIB)
    running = host.start_get(resource.url)
    resource.wait_sent(PIECE)
    running.send(signal.SIGTERM)
    assert running.wait(STOPPING).code == 143
    wait_until(lambda: in_use(host) == 0, "the download to end")
    before, resource.rate = resource.sent, None
    assert before < resource.content.size
    assert_ok(host.get(resource.url), host, "file.bin", resource.content)
    assert resource.sent - before <= resource.content.size - before + 2 * MIB, "verified pieces were fetched again"


def test_two_hosts_share_through_their_nodes(box, tracker, source):
    hosts = [box.host("a"), box.host("b")]
    for each in hosts:
        box.peer(each, tracker=tracker)
    resource = source.add("/file.bin", Content(4 * MIB))
    for each in hosts:
        assert_ok(each.get(resource.url), each, "file.bin", resource.content)
    assert resource.copies <= 1.1


def test_what_needs_credentials_is_not_given_to_others(peer, source, host):
    resource = source.add("/file.bin", Content(MIB), authorization="Bearer right")
    assert_ok(host.get(resource.url, "-H", "Authorization: Bearer right"), host, "file.bin", resource.content)
    assert_refused(host.get(resource.url, "-o", "stolen"), 1, "401")
    assert_nothing_under(host, "stolen")


def test_stdout_follows_the_download(peer, source, host):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)
    running = host.start_get(resource.url, "--data-stdout")
    wait_until(lambda: len(running.out) >= PIECE, "the first piece on stdout while the source stalls")
    resource.release()
    outcome = running.wait()
    assert (outcome.code, outcome.err) == (0, "") and outcome.out == resource.content.bytes()
    again = host.get(resource.url, "--data-stdout")
    assert again.code == 0 and again.out == resource.content.bytes()
    assert host.listing() == []


def test_a_pipe_that_is_closed_ends_the_get_only(peer, source, host):
    resource = source.add("/file.bin", Content(8 * MIB))
    outcome = host.shell(f'"$MINION" get {resource.url} --data-stdout | head -c 10 | wc -c; echo ${{PIPESTATUS[0]}}')
    assert outcome.out.split() == [b"10", b"141"]
    assert_ok(host.get(resource.url), host, "file.bin", resource.content)


def test_a_hard_link_is_made_if_asked_for(peer, source, host):
    resource = source.add("/file.bin", Content(MIB))
    assert_ok(host.get(resource.url, "--hard-link"), host, "file.bin", resource.content)
    assert_ok(host.get(resource.url, "-o", "copy"), host, "copy", resource.content)
    cached = peer.content()[0].stat()
    linked = (host.files / "file.bin").stat()
    assert linked.st_ino == cached.st_ino and linked.st_mode & 0o222 == 0
    copy = (host.files / "copy").stat()
    assert copy.st_ino != cached.st_ino and copy.st_mode & 0o777 == 0o644


def test_a_wrong_digest_leaves_no_file(peer, source, host):
    resource = source.add("/file.bin", Content(MIB))
    digest = resource.content.digest()
    assert_ok(host.get(resource.url, "--hash", f"sha256:{digest}"), host, "file.bin", resource.content)
    assert_refused(host.get(resource.url, "-o", "bad", "--hash", "sha256:" + "0" * 64), 4)
    assert host.listing() == ["file.bin"]


def test_an_existing_file_is_replaced_in_one_step(peer, source, host):
    resource = source.add("/file.bin", Content(MIB))
    (host.files / "file.bin").write_bytes(b"old" * 500_000)
    assert_ok(host.get(resource.url), host, "file.bin", resource.content)
    assert_refused(host.get(source.url("/none"), "-o", "file.bin"), 1, "404")
    assert_file(host, "file.bin", resource.content)


# Which node.


def test_a_node_of_its_own_can_be_had(peer, source, host):
    resource = source.add("/file.bin", Content(MIB))
    assert_ok(host.get(resource.url, "--no-node"), host, "file.bin", resource.content)
    assert peer.content() == []


def test_a_node_that_is_named_must_answer(box, source, host):
    resource = source.add("/file.bin", Content(MIB))
    outcome = host.get(resource.url, env={"MINION_SOCKET": str(host.root / "none.sock")})
    assert_refused(outcome, 1, "none.sock", "--no-node")
    peer = box.peer(host)
    peer.kill()
    assert peer.socket.exists()
    assert_refused(host.get(resource.url), 1, "no node answers")
    assert_ok(host.get(resource.url, "--no-node"), host, "file.bin", resource.content)


def test_a_node_that_hangs_is_told(box, peer, source, host):
    resource = source.add("/file.bin", Content(MIB))
    os.kill(peer.process.pid, signal.SIGSTOP)
    try:
        assert_refused(host.get(resource.url), 1, "does not answer")
    finally:
        os.kill(peer.process.pid, signal.SIGCONT)


def test_a_stale_socket_is_replaced(box, peer, source, host):
    resource = source.add("/file.bin", Content(MIB))
    peer.kill()
    peer.restart()
    assert_ok(host.get(resource.url), host, "file.bin", resource.content)


def test_a_node_that_stops_takes_its_socket_along(peer):
    assert peer.socket.exists() and peer.socket.stat().st_mode & 0o777 == 0o600
    assert peer.stop() == 0
    assert not peer.socket.exists()


def test_two_nodes_do_not_share_a_socket(box, peer):
    outcome = box.host("b").run("peer", "--cache-dir", box.root / "other", "--socket", peer.socket, seconds=20)
    assert_refused(outcome, 1, "node.sock", str(peer.process.pid))


def test_two_nodes_do_not_share_a_cache(box, peer):
    outcome = box.host("b").run("peer", "--cache-dir", peer.cache, "--socket", box.root / "b.sock", seconds=20)
    assert_refused(outcome, 1, "cache", str(peer.process.pid))


def test_a_socket_path_that_is_too_long_is_refused(host, source):
    path = host.root / ("x" * 120)
    assert_refused(host.run("peer", "--cache-dir", host.root / "c", "--socket", path, seconds=20), 1, "107", "bytes")
    resource = source.add("/file.bin", Content(1))
    assert_refused(host.get(resource.url, env={"MINION_SOCKET": str(path)}), 1, "107", "bytes")


def test_a_file_in_the_place_of_the_socket_is_spared(host):
    (host.root / "s").write_bytes(b"mine")
    outcome = host.run("peer", "--cache-dir", host.root / "c", "--socket", host.root / "s", seconds=20)
    assert_refused(outcome, 1, "no socket")
    assert (host.root / "s").read_bytes() == b"mine"


# What dies.


def test_a_restarted_node_has_what_it_had(box, tracker, source):
    a, b = box.host("a"), box.host("b")
    peer = box.peer(a, tracker=tracker)
    resource = source.add("/file.bin", Content(4 * MIB))
    assert_ok(a.get(resource.url), a, "file.bin", resource.content)
    asked = len(resource.requests)
    peer.kill()
    peer.restart()
    assert_ok(a.get(resource.url, "-o", "again"), a, "again", resource.content)
    # And gives it to others.
    assert_ok(b.get(resource.url, "--no-fallback", tracker=tracker), b, "file.bin", resource.content)
    assert len(resource.requests) == asked


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_node_that_dies_is_an_error_and_what_it_had_is_kept(box, tracker, peer, source, host, number):
    resource = source.add("/file.bin", Content(12 * MIB), rate=6 * MIB)
    running = host.start_get(resource.url)
    resource.wait_sent(6 * MIB)
    peer.process.send_signal(number)
    peer.process.wait(STOPPING)
    outcome = running.wait(STOPPING)
    assert outcome.code == 1 and "node" in outcome.err
    assert_nothing_under(host, "file.bin")
    before, resource.rate = resource.sent, None
    peer.restart()
    assert_ok(host.get(resource.url), host, "file.bin", resource.content)
    assert resource.sent - before <= resource.content.size - before + 2 * MIB, "verified pieces were fetched again"


def test_a_node_that_is_killed_again_and_again_ends_up_right(box, tracker, peer, source, host):
    resource = source.add("/file.bin", Content(16 * MIB), rate=12 * MIB)
    for turn in range(5):
        running = host.start_get(resource.url)
        resource.wait_sent((turn + 1) * 2 * MIB)
        peer.kill()
        assert running.wait(STOPPING).code == 1
        peer.restart()
    resource.rate = None
    assert_ok(host.get(resource.url), host, "file.bin", resource.content)
    assert resource.copies <= 1.5


def get_many(source, host, peer, count, size):
    """So many gets of so many files at once; the descriptors before."""
    first = source.add("/first.bin", Content(1000))
    assert host.get(first.url).code == 0
    before = peer.descriptors()
    resources = [source.add(f"/{i}.bin", Content(size + i, str(i))) for i in range(count)]
    running = [host.start_get(each.url) for each in resources]
    for i, each in enumerate(running):
        assert_ok(each.wait(), host, f"{i}.bin", resources[i].content)
    return before


def test_no_file_is_left_open(box, tracker, source, host):
    peer = box.peer(host, tracker=tracker)
    files, sockets = get_many(source, host, peer, 40, 100_000)
    wait_until(lambda: peer.descriptors()[0] <= files, f"files to be closed ({files} before)")
    # Connections that are kept for the next request are fewer than the requests were.
    assert peer.descriptors()[1] <= sockets + 40


@pytest.mark.slow
def test_200_gets_at_once_leave_nothing_behind(box, tracker, source, host):
    peer = box.peer(host, tracker=tracker)
    before = get_many(source, host, peer, 200, MIB)
    assert peak_memory(peer.process.pid) <= 200 * MIB
    # Idle connections end after a minute.
    wait_until(lambda: peer.descriptors()[0] <= before[0], f"files to be closed ({before} before)")
    wait_until(lambda: peer.descriptors()[1] <= before[1] + 40, f"connections to end ({before} before)", 120)


# The cache.


def test_the_cache_stays_below_its_size(box, tracker, source, host):
    peer = box.peer(host, "--cache-size", "5M", tracker=tracker)
    resources = [source.add(f"/{i}.bin", Content(2 * MIB, str(i))) for i in range(4)]
    for i, each in enumerate(resources):
        assert_ok(host.get(each.url), host, f"{i}.bin", each.content)
        time.sleep(0.02)  # the order of use is told by the files' times
    held = sum(path.stat().st_blocks * 512 for path in peer.content())
    assert held <= 5 * MIB
    asked = len(resources[-1].requests)
    assert_ok(host.get(resources[-1].url, "-o", "again"), host, "again", resources[-1].content)
    assert len(resources[-1].requests) == asked, "the newest was dropped"


def test_a_file_that_has_no_room_is_an_error_for_it_alone(box, tracker, source, host):
    box.peer(host, "--cache-size", "3M", tracker=tracker)
    large = source.add("/large.bin", Content(8 * MIB))
    small = source.add("/small.bin", Content(MIB))
    assert_refused(host.get(large.url), 1, "cache")
    assert_nothing_under(host, "large.bin")
    assert_ok(host.get(small.url), host, "small.bin", small.content)


def test_damaged_content_is_found_and_fetched_again(box, tracker, peer, source, host):
    resource = source.add("/file.bin", Content(4 * MIB))
    assert host.get(resource.url).code == 0
    peer.stop()
    with open(peer.content()[0], "r+b") as file:
        file.seek(MIB)
        file.write(b"damage")
    peer.restart()
    sent = resource.sent
    assert_ok(host.get(resource.url, "-o", "again"), host, "again", resource.content)
    assert 0 < resource.sent - sent <= MIB
    assert "file.bin" in peer.log or "piece" in peer.log, "nobody was told"


@pytest.mark.parametrize("name", ["pieces", "entry"])
def test_a_damaged_journal_or_entry_is_no_wrong_byte(box, tracker, peer, source, host, name):
    resource = source.add("/file.bin", Content(2 * MIB))
    assert host.get(resource.url).code == 0
    peer.stop()
    (peer.content()[0].parent / name).write_bytes(b"\0nonsense\n" * 100)
    peer.restart()
    assert_ok(host.get(resource.url, "-o", "again"), host, "again", resource.content)


def test_a_cache_folder_that_others_may_write_to_is_refused(host):
    folder = host.root / "open"
    folder.mkdir()
    folder.chmod(0o777)
    outcome = host.run("peer", "--cache-dir", folder, "--socket", host.root / "s", seconds=20)
    assert_refused(outcome, 1, str(folder))


@pytest.mark.root
def test_a_cache_folder_of_another_user_is_refused(host):
    folder = host.root / "other"
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)
    outcome = host.run("peer", "--cache-dir", folder, "--socket", host.root / "s", seconds=20)
    assert_refused(outcome, 1, str(folder))


@pytest.mark.root
@pytest.mark.parametrize("options, words", [("ro", "read-only"), ("size=64k", "space")])
def test_a_cache_on_a_full_or_read_only_disk(box, source, host, options, words):
    """Either it says so when it starts, or each download does; nothing crashes."""
    resource = source.add("/file.bin", Content(4 * MIB))
    outcome = host.shell(
        "mkdir disk; exec unshare -m --propagation private bash -c '"
        f"mount -t tmpfs -o {options},mode=0700 none disk; export MINION_SOCKET=$PWD/s; "
        '"$MINION" peer --cache-dir disk/cache --cache-size 1G > ready & node=$!; '
        "while ! grep -q serves ready && kill -0 $node; do sleep 0.05; done 2> /dev/null; "
        f'if kill -0 $node 2> /dev/null; then "$MINION" get {resource.url}; code=$?; kill $node; wait $node && exit $code; '
        "else wait $node; exit $?; fi'")
    assert outcome.code == 1, outcome.err
    assert words in outcome.err.lower()
    assert_nothing_under(host, "file.bin")


# Other users.


@pytest.mark.root
def test_a_user_finds_the_own_node_without_being_told(box, source, host):
    other = {"user": 65534, "group": 65534, "extra_groups": []}
    box.root.chmod(0o755)
    for path in (host.root, *host.root.iterdir()):
        os.chown(path, 65534, 65534)
    node = host.start("peer", **other)
    wait_until(lambda: b"serves on" in node.out or not node.is_running, "the node to be ready")
    socket = host.root / "run" / "minion" / "node.sock"
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    resource = source.add("/file.bin", Content(MIB))
    assert_ok(host.get(resource.url, **other), host, "file.bin", resource.content)
    cached = list((host.root / "home" / ".cache" / "minion").glob("tasks/*/*/content"))
    assert len(cached) == 1
    # A dead one where nobody named it is passed over.
    node.send(signal.SIGKILL)
    node.process.wait()
    assert socket.exists()
    assert_ok(host.get(resource.url, "-o", "again", **other), host, "again", resource.content)


@pytest.mark.root
def test_a_caller_of_another_user_is_refused(box, peer, source, host):
    """Even if the rights of the socket let it in."""
    resource = source.add("/file.bin", Content(MIB))
    for path in (box.root, host.root, host.root / "run"):
        path.chmod(0o755)
    host.files.chmod(0o777)
    other = {"user": 65534, "group": 65534, "extra_groups": []}
    assert_refused(host.get(resource.url, **other), 1, "permission denied")
    peer.socket.chmod(0o666)
    assert_refused(host.get(resource.url, **other), 1, "another user")
    wait_until(lambda: "another user" in peer.log, "the node to log it")


@pytest.mark.root
def test_root_may_use_the_node_of_another_user(box, source, host):
    for path in (box.root, host.root):
        path.chmod(0o755)
    for path in (host.root / "run", host.root):
        os.chown(path, 65534, 65534)
    resource = source.add("/file.bin", Content(MIB))
    socket = host.root / "run" / "n.sock"
    node = host.start(
        "peer", "--cache-dir", host.root / "cache", "--socket", socket, user=65534, group=65534, extra_groups=[])
    wait_until(lambda: b"serves on" in node.out or not node.is_running, "the node to be ready")
    outcome = host.get(resource.url, env={"MINION_SOCKET": str(socket)})
    assert_ok(outcome, host, "file.bin", resource.content)
    assert (host.files / "file.bin").stat().st_uid == 0
    node.send(signal.SIGTERM)
    assert node.wait(STOPPING).code == 0
