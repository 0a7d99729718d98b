"""The same flags give the same file, the same output and the same exit code, with the host's node and without."""
import json
import re
import signal

import pytest

from checks import MIB, assert_file
from content import Content
from processes import STOPPING
from protocol import PIECE
from source_server import Reply
from terminal import get_on_terminal

#: What differs from run to run: times, rates, ports of refused connections.
NOISE = re.compile(r"\d+(\.\d+)? (s|[KMGT]?i?B/s)|\d+:\d\d")


@pytest.fixture(params=["with the host's node", "with its own"])
def node(request, box, tracker, host):
    """Starts the host's node, or not; the flags that go with it."""
    if request.param.startswith("with the"):
        box.peer(host, tracker=tracker)
        return []
    return ["--tracker", tracker.address, "--upload-time", "0"]


def plain(text):
    return NOISE.sub("#", text)


def test_a_success_in_a_pipe_is_silent(node, source, host):
    resource = source.add("/file.bin", Content(MIB))
    outcome = host.run("get", resource.url, *node)
    assert (outcome.code, outcome.out, outcome.err) == (0, b"", "")
    assert_file(host, "file.bin", resource.content)
    assert (host.files / "file.bin").stat().st_mode & 0o777 == 0o644
    assert host.listing() == ["file.bin"]


def test_the_umask_of_the_caller_holds(node, source, host):
    resource = source.add("/file.bin", Content(MIB))
    outcome = host.shell(f'umask 027; "$MINION" get {resource.url} {" ".join(node)}')
    assert outcome.code == 0, outcome.err
    assert (host.files / "file.bin").stat().st_mode & 0o777 == 0o640


def test_explain_tells_the_same(node, source, host):
    resource = source.add("/file.bin", Content(MIB))
    outcome = host.run("get", resource.url, "--explain", *node)
    assert outcome.code == 0
    lines = plain(outcome.err).splitlines()
    assert lines[0].startswith("file.bin: 1.00 MiB in #, #: 1.00 MiB from the source")
    assert lines[1].startswith("source used: ")


def test_json_has_the_same_events_and_keys(node, source, host):
    resource = source.add("/file.bin", Content(4 * MIB), rate=4 * MIB)
    outcome = host.run("get", resource.url, "--progress", "json", *node)
    assert outcome.code == 0 and outcome.err == ""
    events = [json.loads(line) for line in outcome.out.splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["start", "finished"]
    assert events[0]["path"] == events[-1]["path"] == str(host.files / "file.bin")
    progress = {
        "event", "size", "bytesDone", "bytesFromSource", "bytesFromPeers", "bytesAlreadyHere", "bytesPerSecond",
        "neighbours", "seconds",
    }
    assert set(events[0]) == {"event", "url", "path", "trackers"}
    assert all(set(event) == progress for event in events[1:-1]) and len(events) > 3
    assert set(events[-1]) == progress | {"path", "sourceReasons"}
    assert events[-1]["bytesDone"] == events[-1]["size"] == events[-1]["bytesFromSource"] == 4 * MIB


def test_a_terminal_sees_a_bar(node, source, host):
    resource = source.add("/file.bin", Content(4 * MIB), rate=4 * MIB)
    code, text = get_on_terminal(host, resource.url, *node)
    assert code == 0
    assert re.search(r"\d+%", text) and "source" in text and "file.bin: 4.00 MiB" in text


FAILURES = [
    ("nothing there", ["{missing}"], 1, ["404"]),
    ("a broken source", ["{broken}"], 1, ["500"]),
    ("nobody listens", ["http://127.0.0.1:9/file.bin"], 7, ["127.0.0.1"]),
    ("no such host", ["http://no-such-host.invalid/file.bin"], 6, ["no-such-host.invalid"]),
    ("a wrong digest", ["{file}", "--hash", "sha256:" + "0" * 64], 4, ["sha256"]),
    ("a wrong scheme", ["ftp://127.0.0.1/file.bin"], 2, ["ftp"]),
    ("a wrong rate", ["{file}", "--download-rate", "fast"], 2, ["fast"]),
    ("no such folder", ["{file}", "-o", "none/file.bin"], 1, ["none"]),
    ("nobody shares it", ["minion:nothing", "--timeout", "3"], 1, ["minion:nothing"]),
    ("nobody has it", ["{file}", "--no-fallback", "--timeout", "3"], 1, []),
    ("a source that stalls", ["{stalled}", "--timeout", "2"], 1, ["2.00 s"]),
]


@pytest.mark.parametrize("arguments, code, words", [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES])
def test_failures_have_the_same_codes_and_words(node, source, host, arguments, code, words):
    urls = {
        "file": source.add("/file.bin", Content(MIB)).url,
        "broken": source.add("/broken.bin", Content(1), always=Reply(500)).url,
        "stalled": source.add("/stalled.bin", Content(4 * MIB), stall_after=PIECE).url,
        "missing": source.url("/missing.bin"),
    }
    outcome = host.run("get", *[argument.format(**urls) for argument in arguments], *node)
    assert outcome.code == code, outcome.err
    assert outcome.err.startswith("minion: ") and outcome.out == b""
    assert len(outcome.lines) <= 2
    for word in words:
        assert word in outcome.err
    assert [name for name in host.listing() if not name.startswith(".")] == []


@pytest.mark.root
def test_a_full_disk_is_the_same_error(node, source, host):
    resource = source.add("/file.bin", Content(3 * MIB))
    outcome = host.shell(
        "mkdir small; exec unshare -m --propagation private bash -c 'mount -t tmpfs -o size=1m none small"
        f' && "$MINION" get {resource.url} -o small/file.bin {" ".join(node)}; code=$?; ls -A small; exit $code\'')
    assert outcome.code == 1 and "space" in outcome.err.lower() and b"file.bin" not in outcome.out.split()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_with_the_same_codes(node, source, host, number):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)
    running = host.start("get", resource.url, *node)
    resource.wait_sent(PIECE)
    running.send(number)
    outcome = running.wait(STOPPING)
    assert (outcome.code, outcome.out, outcome.err) == (128 + number, b"", "")
    assert not (host.files / "file.bin").exists()


def test_a_download_rate_holds(node, source, host):
    resource = source.add("/file.bin", Content(4 * MIB))
    outcome = host.run("get", resource.url, "--download-rate", "1M", *node)
    assert outcome.code == 0 and outcome.seconds >= 2.5, "a burst of one second at most"
    assert_file(host, "file.bin", resource.content)
