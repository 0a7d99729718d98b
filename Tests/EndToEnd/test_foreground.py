"""`--foreground`: the command and its node live and die together. And what else ties a command to its caller."""
import os
import signal
import subprocess
from pathlib import Path

from checks import MIB, assert_file, assert_ok
from content import Content
from processes import STOPPING
from waiting import wait_until


def start_serving(box, tracker, resource, *arguments, upload_time=300):
    host = box.host("server")
    running = host.start_get(resource.url, "--foreground", *arguments, tracker=tracker, upload_time=upload_time)
    wait_until(lambda: "file.bin" in host.listing(), "the file to be complete")
    return host, running


def test_the_command_stays_and_serves_until_it_is_told_to_stop(box, tracker, source):
    resource = source.add("/file.bin", Content(MIB))
    host, running = start_serving(box, tracker, resource)
    sent = resource.sent
    other = box.host("b")
    assert_ok(other.get(resource.url, "--no-fallback", tracker=tracker), other, "file.bin", resource.content)
    assert resource.sent == sent
    assert running.is_running
    running.send(signal.SIGTERM)
    assert running.wait(STOPPING).code == 143
    box.wait_for_no_processes()
    assert_file(host, "file.bin", resource.content)


def test_the_command_ends_when_the_upload_time_is_over(box, tracker, source):
    resource = source.add("/file.bin", Content(MIB))
    host, running = start_serving(box, tracker, resource, "--callback", "delete", upload_time=0.5)
    assert running.wait(STOPPING).code == 0
    assert box.processes() == {}
    assert host.listing() == []


def test_the_node_of_a_command_that_was_killed_ends(box, tracker, source):
    resource = source.add("/file.bin", Content(MIB))
    _, running = start_serving(box, tracker, resource)
    os.kill(running.process.pid, signal.SIGKILL)
    running.process.wait()
    box.wait_for_no_processes()


def piped(box, host, resource, tracker, *arguments):
    command = [box.minion, "get", resource.url, "--tracker", tracker.address, "--progress", "json", *arguments]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=host.files, env=host.env, start_new_session=True)


def test_a_download_whose_json_nobody_reads_any_more_ends(box, tracker, source, host):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)
    process = piped(box, host, resource, tracker)
    resource.wait_sent(MIB)
    process.stdout.close()
    assert process.wait(STOPPING) == 141
    box.wait_for_no_processes()


def test_serving_whose_json_nobody_reads_any_more_ends(box, tracker, source, host):
    resource = source.add("/file.bin", Content(MIB))
    process = piped(box, host, resource, tracker, "--foreground", "--upload-time", "300")
    assert any(b'"finished"' in line for line in iter(process.stdout.readline, b""))
    process.stdout.close()
    assert process.wait(STOPPING) == 141
    box.wait_for_no_processes()


def test_header_fields_from_stdin_are_sent_and_seen_by_nobody_else(box, tracker, source, host):
    resource = source.add("/file.bin", Content(2 * MIB), authorization="Bearer mine", stall_after=MIB)
    reading, writing = os.pipe()
    os.write(writing, b"Authorization: Bearer mine\n")
    os.close(writing)
    command = [box.minion, "get", resource.url, "-H", "@-", "--tracker", tracker.address, "--upload-time", "0"]
    process = subprocess.Popen(command, stdin=reading, cwd=host.files, env=host.env, start_new_session=True)
    os.close(reading)
    resource.wait_sent(MIB)
    for pid in box.processes():
        assert b"mine" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    resource.release()
    assert process.wait(STOPPING) == 0
    assert_file(host, "file.bin", resource.content)
