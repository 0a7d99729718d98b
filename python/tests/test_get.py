"""`minion.get`."""
import os
import pickle
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import minion
from checks import MIB, assert_file
from content import Content
from protocol import PIECE
from source_server import Reply
from waiting import wait_until


def get(url, dest=".", **options):
    """With nothing left behind."""
    return minion.get(url, dest, **{"upload_time": 0, **options})


def test_a_file_comes_from_the_source(here, tracker, source):
    resource = source.add("/file.bin", Content(3 * MIB + 7))
    result = get(resource.url, tracker=tracker.address)
    assert_file(here, "file.bin", resource.content)
    assert result.path == here.files / "file.bin"
    assert result.size == result.bytes_from_source == 3 * MIB + 7
    assert result.bytes_from_peers == result.bytes_already_here == 0
    assert result.seconds > 0 and result.source_reasons and result.warnings == ()


def test_it_comes_from_other_machines_if_they_have_it(box, here, tracker, source):
    resource = source.add("/file.bin", Content(3 * MIB))
    box.host("server").get(resource.url, tracker=tracker, upload_time=300)
    result = get(resource.url, tracker=tracker.address, source=False)
    assert_file(here, "file.bin", resource.content)
    assert (result.bytes_from_source, result.bytes_from_peers, result.neighbours) == (0, 3 * MIB, 1)


def test_others_are_served_afterwards(box, here, tracker, source):
    resource = source.add("/file.bin", Content(MIB))
    box.has_lingering_nodes = True
    minion.get(resource.url, tracker=tracker.address, upload_time=300)
    other = box.host("other")
    assert other.get(resource.url, "--no-fallback", tracker=tracker).code == 0


def test_an_empty_file(here, source):
    resource = source.add("/file.bin", Content(0))
    result = get(resource.url)
    assert result.size == 0 and result.path.read_bytes() == b""


@pytest.mark.parametrize("dest, name", [(".", "file.bin"), ("other", "other"), (Path("other"), "other"), ("-", "-")])
def test_the_destination_is_a_folder_or_a_file(here, source, dest, name):
    resource = source.add("/file.bin", Content(10))
    assert get(resource.url, dest).path.name == name
    assert_file(here, name, resource.content)


def test_trackers_are_taken_from_the_environment(here, tracker, source, monkeypatch):
    resource = source.add("/file.bin", Content(10))
    monkeypatch.setenv("MINION_TRACKER", tracker.address)
    get(resource.url)
    assert resource.url in tracker.log


def test_several_trackers_may_be_named(here, tracker, source):
    resource = source.add("/file.bin", Content(10))
    result = get(resource.url, tracker=["127.0.0.1:1", tracker.address])
    assert not any("no tracker" in reason for reason in result.source_reasons)


def test_progress_is_told_while_it_runs(here, source):
    resource = source.add("/file.bin", Content(2 * MIB), rate=2 * MIB)
    seen = []
    get(resource.url, progress=seen.append)
    assert len(seen) > 2
    assert [p.bytes_done for p in seen] == sorted(p.bytes_done for p in seen)
    assert seen[-1].size == 2 * MIB and 0 < seen[-1].fraction <= 1


def test_an_interrupted_download_goes_on_where_it_stopped(here, source):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=3 * MIB, stalls=1)

    class Enough(Exception):
        pass

    def stop(progress):
        if progress.bytes_done >= 2 * MIB:
            raise Enough

    with pytest.raises(Enough):
        get(resource.url, progress=stop)
    assert not (here.files / "file.bin").exists()
    resource.release()
    result = get(resource.url)
    assert_file(here, "file.bin", resource.content)
    assert result.bytes_already_here >= 2 * MIB
    assert result.bytes_already_here + result.bytes_from_source == 4 * MIB


def test_the_digest_is_checked(here, source):
    resource = source.add("/file.bin", Content(MIB))
    assert get(resource.url, digest="sha256:" + resource.content.digest()).size == MIB
    with pytest.raises(minion.ChecksumMismatch) as caught:
        get(resource.url, "other", digest="sha256:" + "0" * 64)
    assert caught.value.exit_code == 4 and caught.value.hint
    assert here.listing() == ["file.bin"]


def test_tags_and_ignored_parameters_decide_what_is_shared(box, here, tracker, source):
    resource = source.add("/file.bin", Content(MIB))
    box.host("server").get(
        resource.url + "?key=1", "--ignore-qp", "key", "--tag", "a", "-o", "file", tracker=tracker, upload_time=300)
    result = get(resource.url + "?key=2", tracker=tracker.address, ignored_query=["key"], tag="a", source=False)
    assert result.bytes_from_peers == MIB
    with pytest.raises(minion.Failed):
        get(resource.url + "?key=2", "b", tracker=tracker.address, ignored_query=["key"], tag="b", source=False, timeout=3)


def test_header_fields_are_sent_and_seen_by_nobody_else(box, here, source):
    resource = source.add("/file.bin", Content(2 * MIB), authorization="Bearer mine", stall_after=MIB)
    lines = []

    def look(progress):
        if not lines and progress.bytes_done:
            lines.extend(box.processes().values())
            resource.release()

    get(resource.url, headers={"Authorization": "Bearer mine", "X-More": "ä"}, progress=look)
    assert any("minion" in line for line in lines) and not any("mine" in line for line in lines)
    assert_file(here, "file.bin", resource.content)


def test_user_and_password_of_a_url_are_seen_by_nobody_else(box, here, source):
    resource = source.add("/file.bin", Content(2 * MIB), authorization="Basic bWU6czNjcjN0", stall_after=MIB)
    lines = []

    def look(progress):
        if not lines and progress.bytes_done:
            lines.extend(box.processes().values())
            resource.release()

    get(resource.url.replace("//", "//me:s3cr3t@"), progress=look)
    assert lines and not any("s3cr3t" in line for line in lines)


def test_many_at_once(here, tracker, source):
    resources = [source.add(f"/file{i}", Content(300_000 + i, str(i))) for i in range(12)]
    with ThreadPoolExecutor(len(resources)) as pool:
        list(pool.map(lambda resource: get(resource.url, tracker=tracker.address), resources))
    for i, resource in enumerate(resources):
        assert_file(here, f"file{i}", resource.content)


# What goes wrong.


@pytest.mark.parametrize("url, options, kind", [
    ("{source}/none", {}, minion.Failed),
    ("ftp://host/file", {}, minion.BadArguments),
    ("{source}/file.bin", {"timeout": 0}, minion.BadArguments),
    ("{source}/file.bin", {"source": False}, minion.BadArguments),
    ("{source}/file.bin", {"source": False, "tracker": "127.0.0.1:1"}, minion.TrackerUnreachable),
    ("http://nowhere.invalid/file", {}, minion.HostNotFound),
    ("http://127.0.0.1:1/file", {}, minion.SourceUnreachable),
])
def test_errors_are_those_of_the_command(box, here, source, url, options, kind):
    source.add("/file.bin", Content(10))
    url = url.format(source=f"http://127.0.0.1:{source.port}")
    with pytest.raises(minion.MinionError) as caught:
        get(url, **options)
    error = caught.value
    assert type(error) is kind
    flags = {"source": ["--no-fallback"], "timeout": ["--timeout", 0], "tracker": ["--tracker", "127.0.0.1:1"]}
    outcome = box.host("shell").get(url, *[word for option in options for word in flags[option]])
    assert outcome.code == error.exit_code
    if "invalid for" not in error.message:
        words = [f"minion: {error.message}"] + ([f"  hint: {error.hint}"] if error.hint else [])
        assert outcome.lines[-len(words):] == words


def test_an_error_can_be_pickled_and_shown():
    error = minion.HostNotFound("no such host", "look again")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is minion.HostNotFound and str(copy) == str(error) == "no such host (look again)"
    assert (copy.message, copy.hint, copy.exit_code) == ("no such host", "look again", 6)


@pytest.mark.parametrize("options", [
    {"url": "http://h/a\0b"}, {"url": 5}, {"dest": 5}, {"tracker": [5]}, {"download_rate": 0}, {"download_rate": True},
    {"upload_rate": float("nan")}, {"upload_time": -1}, {"timeout": "5"}, {"headers": {"a": "b\nc"}}, {"tag": 5},
    {"ignored_query": "key"}, {"download_rate": "fast"}, {"headers": {"Range": "bytes=0-1"}}, {"dest": ""},
])
def test_arguments_that_cannot_be_used_are_refused(here, options):
    with pytest.raises(minion.BadArguments):
        get(**{"url": "http://127.0.0.1:1/file", **options})
    with pytest.raises(ValueError):
        get(**{"url": "http://127.0.0.1:1/file", **options})


def test_an_argument_that_looks_like_a_flag_is_none(here):
    with pytest.raises(minion.BadArguments, match="--help"):
        get("--help")


def test_no_progress_for_too_long_is_an_error(here, source):
    resource = source.add("/file.bin", Content(2 * MIB), stall_after=MIB)
    with pytest.raises(minion.Failed, match="nothing has arrived"):
        get(resource.url, timeout=0.5)


def test_warnings_are_told(here, source, caplog):
    resource = source.add("/file.bin", Content(10))
    result = get(resource.url, tracker="127.0.0.1:1")
    assert len(result.warnings) == 1 and "tracker" in result.warnings[0]
    assert result.warnings[0] in caplog.text


def test_a_program_that_is_killed_is_an_error(box, here, source):
    resource = source.add("/file.bin", Content(2 * MIB), stall_after=MIB)

    def kill(progress):
        for pid, line in box.processes().items():
            if " get " in line:
                os.kill(pid, signal.SIGKILL)

    with pytest.raises(minion.Stopped) as caught:
        get(resource.url, progress=kill)
    assert caught.value.signal == signal.SIGKILL and caught.value.exit_code == 137


def test_without_the_program_it_says_so(here, monkeypatch):
    monkeypatch.setenv("MINION_BIN", "/nowhere/minion")
    with pytest.raises(minion.ProgramNotFound, match="/nowhere/minion"):
        get("http://127.0.0.1:1/file")
    monkeypatch.delenv("MINION_BIN")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(minion.ProgramNotFound, match="MINION_BIN"):
        get("http://127.0.0.1:1/file")


def test_the_program_is_found_on_the_path(box, here, monkeypatch, source):
    monkeypatch.delenv("MINION_BIN")
    monkeypatch.setenv("PATH", str(Path(box.minion).parent))
    assert minion.find_program() == box.minion
    assert get(source.add("/file.bin", Content(10)).url).size == 10


# Ends.


def test_what_progress_raises_ends_the_download(box, here, source):
    resource = source.add("/file.bin", Content(2 * MIB), stall_after=MIB)

    def fail(progress):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        minion.get(resource.url, upload_time=300, progress=fail)
    assert box.processes() == {}


WAITING = """
    import sys, minion
    def told(progress):
        if progress.bytes_done: print("running")
    try:
        minion.get(sys.argv[1], upload_time=300, progress=told)
    except KeyboardInterrupt:
        print("interrupted")
        raise
"""


@pytest.mark.parametrize("whole_group", [False, True])
def test_an_interrupt_ends_the_download(box, script, source, whole_group):
    """Ctrl-C reaches the whole group; a supervisor's signal only the process itself."""
    resource = source.add("/file.bin", Content(2 * MIB), stall_after=MIB)
    running = script(WAITING, resource.url)
    assert running.line() == "running"
    (os.killpg if whole_group else os.kill)(running.process.pid, signal.SIGINT)
    while (line := running.line()) == "running":
        pass
    assert line == "interrupted"
    assert running.wait() == -signal.SIGINT
    assert box.processes() == {}


def test_a_download_does_not_outlive_a_process_that_was_killed(box, script, source):
    resource = source.add("/file.bin", Content(2 * MIB), stall_after=MIB)
    running = script(WAITING, resource.url)
    assert running.line() == "running"
    running.process.kill()
    running.wait()
    box.wait_for_no_processes()


def test_it_works_in_any_thread(here, source):
    resource = source.add("/file.bin", Content(PIECE))
    results = []
    thread = threading.Thread(target=lambda: results.append(get(resource.url)))
    thread.start()
    thread.join()
    assert results[0].size == PIECE


def test_nothing_is_left_open(here, source):
    resource = source.add("/file.bin", Content(10))
    get(resource.url)
    before = os.listdir("/proc/self/fd")
    for _ in range(5):
        get(resource.url)
        with pytest.raises(minion.Failed):
            get(resource.url + "none")
    wait_until(lambda: len(os.listdir("/proc/self/fd")) <= len(before) + 2, "connections of the source to close")
