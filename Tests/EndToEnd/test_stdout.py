"""`--data-stdout`: the file as a stream."""
import os
import signal
import subprocess

import pytest

from checks import MIB, assert_refused
from content import Content
from processes import STOPPING
from protocol import PIECE
from waiting import wait_until


@pytest.mark.parametrize("size", [0, 1, PIECE, 5 * MIB + 7])
def test_the_stream_is_the_file(tracker, source, host, size):
    resource = source.add("/file.bin", Content(size))
    outcome = host.get(resource.url, "--data-stdout", tracker=tracker)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == resource.content.bytes()
    host.box.wait_for_no_processes()
    assert host.listing() == []


def test_the_stream_of_several_hosts_is_in_order(box, tracker, source):
    resource = source.add("/file.bin", Content(6 * MIB + 7), rate=6 * MIB)
    running = [host.start_get(resource.url, "--data-stdout", tracker=tracker, upload_time=60) for host in box.hosts(3)]
    for each in running:
        outcome = each.wait()
        assert outcome.code == 0 and outcome.out == resource.content.bytes()


def test_a_source_without_a_length_is_streamed(tracker, source, host):
    resource = source.add("/file.bin", Content(3 * MIB + 7), ranges=False, framing="chunked")
    outcome = host.get(resource.url, "--data-stdout", tracker=tracker)
    assert (outcome.code, outcome.out) == (0, resource.content.bytes())


def test_the_first_bytes_come_before_the_last_are_there(tracker, source, host):
    resource = source.add("/file.bin", Content(4 * MIB), rate=4 * MIB)
    resource.stall_after = MIB
    running = host.start_get(resource.url, "--data-stdout", tracker=tracker)
    wait_until(lambda: len(running.out) >= PIECE, "the first piece on stdout while the source stalls")
    assert running.is_running
    resource.release()
    assert running.wait().out == resource.content.bytes()


@pytest.mark.parametrize("ranges, framing", [(False, "length"), (False, "chunked"), (False, "close")])
def test_the_first_bytes_of_a_source_without_ranges_come_at_once_too(tracker, source, host, ranges, framing):
    resource = source.add("/file.bin", Content(4 * MIB), ranges=ranges, framing=framing, stall_after=MIB)
    running = host.start_get(resource.url, "--data-stdout", tracker=tracker)
    wait_until(lambda: len(running.out) >= PIECE, "the first piece on stdout while the source stalls")
    assert running.is_running
    resource.release()
    assert running.wait().out == resource.content.bytes()


def test_a_source_without_a_length_that_breaks_off_is_an_error(tracker, source, host):
    resource = source.add(
        "/file.bin", Content(4 * MIB), ranges=False, framing="chunked", rate=4 * MIB, cut_every=2 * MIB, cuts=1)
    outcome = host.get(resource.url, "--data-stdout", tracker=tracker)
    assert outcome.code == 1 and outcome.err
    assert resource.content.bytes().startswith(outcome.out), "it must not begin again in the middle of the stream"


def test_a_closed_pipe_ends_it_quietly(box, tracker, source, host):
    resource = source.add("/file.bin", Content(64 * MIB), rate=8 * MIB)
    outcome = host.shell(
        f'"$MINION" get {resource.url} --tracker {tracker.address} --data-stdout --upload-time 300'
        " | head -c 100000")
    assert outcome.out == resource.content.bytes(0, 100_000)
    assert outcome.err == ""
    box.wait_for_no_processes()
    assert resource.sent < 60 * MIB, "it did not end before the whole file was read"


def test_a_reader_that_was_never_there(box, tracker, source, host):
    resource = source.add("/file.bin", Content(8 * MIB))
    outcome = host.shell(
        f'"$MINION" get {resource.url} --tracker {tracker.address} --data-stdout --upload-time 0 >&-')
    assert outcome.code != 0
    box.wait_for_no_processes()


def test_a_slow_reader_gets_everything(box, tracker, source, host):
    resource = source.add("/file.bin", Content(3 * MIB + 1))
    process = subprocess.Popen(
        [box.minion, "get", resource.url, "--tracker", tracker.address, "--data-stdout", "--upload-time", "0"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=host.files, env=host.env, start_new_session=True)
    resource.wait_sent(resource.content.size)
    received = bytearray()
    with process.stdout as stream:
        while True:
            chunk = os.read(stream.fileno(), 7777)
            if not chunk:
                break
            received += chunk
    assert process.wait(STOPPING) == 0
    assert received == resource.content.bytes()


def test_a_stream_that_breaks_off_is_an_error(tracker, source, host):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)
    outcome = host.get(resource.url, "--data-stdout", "--timeout", 2, tracker=tracker)
    assert outcome.code == 1 and outcome.err
    assert resource.content.bytes().startswith(outcome.out), "whatever came out is the file's beginning"


def test_a_source_that_changes_while_it_is_streamed_never_gives_a_mix(tracker, source, host):
    before, after = Content(4 * MIB, "before"), Content(4 * MIB, "after")
    resource = source.add("/file.bin", before, rate=4 * MIB, cut_every=MIB + 1000, cuts=1, change=(MIB, after))
    outcome = host.get(resource.url, "--data-stdout", tracker=tracker)
    assert before.bytes().startswith(outcome.out) or after.bytes().startswith(outcome.out)
    assert outcome.code != 0 or outcome.out in (before.bytes(), after.bytes())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_process(box, tracker, source, host, number):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)
    running = host.start_get(resource.url, "--data-stdout", tracker=tracker, upload_time=300)
    resource.wait_sent(PIECE)
    running.send(number)
    assert running.wait(STOPPING).code != 0
    box.wait_for_no_processes()
    assert host.listing() == []


def test_it_cannot_be_combined_with_a_digest(source, host):
    resource = source.add("/file.bin", Content(10))
    assert_refused(host.get(resource.url, "--data-stdout", "--hash", "md5:" + "0" * 32), 2)
    assert resource.requests == []
