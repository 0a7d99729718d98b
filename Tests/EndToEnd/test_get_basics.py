"""One host, a source that behaves: sizes, destinations, digests, what is printed."""
import json
import re

import pytest

from checks import MIB, assert_file, assert_nothing_under, assert_ok, assert_refused
from content import Content
from protocol import PIECE
from terminal import get_on_terminal

SIZES = [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, MIB, 3 * MIB, 5_000_000, 7 * PIECE + 12_345]


@pytest.mark.parametrize("size", SIZES)
def test_a_file_of_any_size_arrives_whole(tracker, source, host, size):
    resource = source.add("/file.bin", Content(size))
    assert_ok(host.get(resource.url, tracker=tracker), host, "file.bin", resource.content)


@pytest.mark.parametrize("size", [0, 1, PIECE, 3 * MIB + 1])
def test_a_file_arrives_without_any_tracker(source, host, size):
    resource = source.add("/file.bin", Content(size))
    assert_ok(host.get(resource.url), host, "file.bin", resource.content)


def test_one_host_reads_about_one_copy_from_the_source(tracker, source, host):
    resource = source.add("/file.bin", Content(8 * MIB))
    assert_ok(host.get(resource.url, tracker=tracker), host, "file.bin", resource.content)
    assert 1.0 <= resource.copies <= 1.05


def test_nothing_but_the_result_is_left_in_its_folder(box, tracker, source, host):
    resource = source.add("/file.bin", Content(MIB + 1))
    assert host.get(resource.url, tracker=tracker).code == 0
    box.wait_for_no_processes()
    assert host.listing() == ["file.bin"]


# Where the file goes.


@pytest.mark.parametrize("flag", ["--dest-path", "-o", "--output"])
def test_the_destination_may_be_a_file(source, host, flag):
    resource = source.add("/file.bin", Content(1000))
    assert_ok(host.get(resource.url, flag, "other.name"), host, "other.name", resource.content)
    assert_nothing_under(host, "file.bin")


@pytest.mark.parametrize("flag", ["--dest-path", "-o"])
@pytest.mark.parametrize("folder", ["folder", "folder/", "{files}/folder"])
def test_the_destination_may_be_a_folder(source, host, flag, folder):
    resource = source.add("/deep/er/file.bin", Content(1000))
    (host.files / "folder").mkdir()
    outcome = host.get(resource.url + "?version=3", flag, folder.format(files=host.files))
    assert_ok(outcome, host, "folder/file.bin", resource.content)


def test_a_percent_encoded_name_is_decoded(source, host):
    resource = source.add("/a%20name%C3%A9.bin", Content(10))
    outcome = host.get(resource.url)
    assert outcome.code == 0, outcome.err
    assert host.listing() in (["a nameé.bin"], ["a%20name%C3%A9.bin"])


def test_an_existing_file_is_replaced_by_the_result(source, host):
    resource = source.add("/file.bin", Content(PIECE + 5))
    (host.files / "file.bin").write_bytes(b"old" * 500_000)
    assert_ok(host.get(resource.url), host, "file.bin", resource.content)


def test_an_existing_file_survives_a_failed_download(source, host):
    (host.files / "file.bin").write_bytes(b"precious")
    assert host.get(source.url("/file.bin")).code == 1
    assert host.read("file.bin") == b"precious"


def test_an_existing_file_survives_a_wrong_digest(source, host):
    resource = source.add("/file.bin", Content(1000))
    (host.files / "file.bin").write_bytes(b"precious")
    assert host.get(resource.url, "--hash", "sha256:" + "0" * 64).code == 4
    assert host.read("file.bin") == b"precious"


def test_two_downloads_to_the_same_file_exclude_each_other(tracker, source, host):
    resource = source.add("/file.bin", Content(2 * MIB), stall_after=PIECE + 10)
    first = host.start_get(resource.url, tracker=tracker)
    resource.wait_sent(PIECE)
    second = host.get(resource.url, tracker=tracker)
    assert second.code != 0 and "file.bin" in second.err
    resource.release()
    assert_ok(first.wait(), host, "file.bin", resource.content)


# Digests.


@pytest.mark.parametrize("size", [0, 5, 2 * PIECE + 7])
@pytest.mark.parametrize("flag, algorithm", [
    ("--hash", "md5"), ("--hash", "sha1"), ("--hash", "sha256"), ("--hash", "sha512"), ("--digest", "sha256"),
])
def test_a_right_digest_is_accepted(source, host, flag, algorithm, size):
    content = Content(size)
    resource = source.add("/file.bin", content)
    outcome = host.get(resource.url, flag, f"{algorithm}:{content.digest(algorithm)}")
    assert_ok(outcome, host, "file.bin", content)


@pytest.mark.parametrize("flag, algorithm, digits", [("--hash", "md5", 32), ("--digest", "sha256", 64)])
def test_a_wrong_digest_leaves_no_file(tracker, source, host, flag, algorithm, digits):
    resource = source.add("/file.bin", Content(PIECE + 1))
    outcome = host.get(resource.url, flag, f"{algorithm}:{'0' * digits}", tracker=tracker)
    assert_refused(outcome, 4)
    assert_nothing_under(host, "file.bin")


# What is printed.


def test_in_a_pipe_nothing_is_drawn(tracker, source, host):
    resource = source.add("/file.bin", Content(2 * MIB))
    outcome = host.get(resource.url, tracker=tracker)
    assert outcome.code == 0
    assert outcome.out == b""
    assert "\r" not in outcome.err and "\x1b" not in outcome.err
    assert len(outcome.lines) <= 1


@pytest.mark.parametrize("flags", [("-q",), ("--progress", "none", "-q")])
def test_quiet_says_nothing_at_all(tracker, source, host, flags):
    resource = source.add("/file.bin", Content(2 * MIB))
    outcome = host.get(resource.url, *flags, tracker=tracker)
    assert (outcome.code, outcome.out, outcome.err) == (0, b"", "")


def test_progress_as_json_is_one_object_a_line(tracker, source, host):
    resource = source.add("/file.bin", Content(4 * MIB), rate=4 * MIB)
    outcome = host.get(resource.url, "--progress", "json", tracker=tracker)
    assert outcome.code == 0
    lines = [line for line in (outcome.out.decode() + outcome.err).splitlines() if line]
    objects = [json.loads(line) for line in lines]
    assert len(objects) >= 2
    assert all(isinstance(each, dict) for each in objects)
    assert str(resource.content.size) in lines[-1]


def test_a_terminal_sees_percent_and_what_came_from_where(tracker, source, host):
    resource = source.add("/file.bin", Content(4 * MIB), rate=4 * MIB)
    code, text = get_on_terminal(host, resource.url, "--tracker", tracker.address, "--upload-time", "0")
    assert code == 0
    assert re.search(r"\d+ ?%", text), text
    assert "source" in text and "peers" in text


def test_explain_says_why_the_source_was_used(tracker, source, host):
    resource = source.add("/file.bin", Content(MIB))
    plain = host.get(resource.url, tracker=tracker)
    explained = host.get(resource.url, "--explain", "-o", "again.bin", tracker=tracker)
    assert plain.code == explained.code == 0
    assert "source" in explained.err.lower()
    assert len(explained.lines) > len(plain.lines)


def test_a_log_file_is_written_when_asked_for(source, host):
    resource = source.add("/file.bin", Content(MIB))
    outcome = host.get(resource.url, "--verbose", 2, "--logfile", "get.log")
    assert_ok(outcome, host, "file.bin", resource.content)
    assert host.read("get.log")


@pytest.mark.parametrize("command", [("--help",), ("get", "--help"), ("serve", "--help"), ("--version",)])
def test_help_and_version_are_answered_on_stdout(host, command):
    outcome = host.run(*command)
    assert outcome.code == 0 and outcome.out and not outcome.err


def test_get_ends_its_output_when_it_returns_though_the_node_serves_on(tracker, source, host):
    """`x=$(minion get …)` must not wait for the upload time."""
    resource = source.add("/file.bin", Content(MIB))
    host.box.has_lingering_nodes = True
    outcome = host.shell(
        f'x=$("$MINION" get {resource.url} --tracker {tracker.address} --upload-time 300 2>&1); echo "code $?"')
    assert outcome.out.decode().strip() == "code 0"
    assert_file(host, "file.bin", resource.content)
    assert host.box.processes(), "the node should serve on"


# Rates.


def test_a_download_rate_is_not_exceeded(tracker, source, host):
    resource = source.add("/file.bin", Content(4 * MIB))
    outcome = host.get(resource.url, "--download-rate", "1M", tracker=tracker)
    assert_ok(outcome, host, "file.bin", resource.content)
    assert outcome.seconds >= 2.5, "a burst of one second at most"


def test_an_upload_rate_is_not_exceeded(box, tracker, source):
    resource = source.add("/file.bin", Content(4 * MIB))
    assert box.host("a").get(resource.url, "--upload-rate", "1M", tracker=tracker, upload_time=300).code == 0
    outcome = box.host("b").get(resource.url, "--no-fallback", tracker=tracker)
    assert_ok(outcome, box.host("b"), "file.bin", resource.content)
    assert outcome.seconds >= 2.5, "a burst of one second at most"


@pytest.mark.parametrize("rate", ["10M", "512K", "1.5G", "80mbit", "2gbit", "3000000"])
def test_rates_are_read_in_every_promised_form(source, host, rate):
    resource = source.add("/file.bin", Content(1000))
    assert host.get(resource.url, "--download-rate", rate, "--upload-rate", rate).code == 0
