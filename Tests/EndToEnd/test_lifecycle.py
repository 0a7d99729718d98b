"""Processes: who lives how long, who leaves what behind, and how it goes on after a kill."""
import os
import pty
import signal

import pytest

from checks import MIB, assert_nothing_under, assert_ok
from content import Content
from processes import STOPPING
from protocol import PIECE
from waiting import wait_until


# The upload time.


def test_a_node_serves_for_the_upload_time_and_then_leaves(box, tracker, source, host):
    resource = source.add("/file.bin", Content(PIECE))
    outcome = host.get(resource.url, tracker=tracker, upload_time=2)
    assert_ok(outcome, host, "file.bin", resource.content)
    assert box.processes(), "it should serve for two seconds"
    assert tracker.node_address(resource.url)
    box.wait_for_no_processes()
    wait_until(lambda: not tracker.peers(resource.url), "the tracker to forget the node", STOPPING)


def test_without_upload_time_nobody_stays(box, tracker, source, host):
    resource = source.add("/file.bin", Content(PIECE))
    assert host.get(resource.url, tracker=tracker, upload_time=0).code == 0
    box.wait_for_no_processes()


def test_callback_delete_removes_the_file_when_the_upload_time_ends(box, tracker, source, host):
    resource = source.add("/file.bin", Content(PIECE + 1))
    outcome = host.get(resource.url, "--callback", "delete", tracker=tracker, upload_time=2)
    assert_ok(outcome, host, "file.bin", resource.content)
    box.wait_for_no_processes()
    assert host.listing() == []


def test_callback_delete_spares_a_file_that_took_the_place_of_the_result(box, tracker, source, host):
    resource = source.add("/file.bin", Content(PIECE + 1))
    assert host.get(resource.url, "--callback", "delete", tracker=tracker, upload_time=2).code == 0
    (host.files / "mine").write_bytes(b"mine")
    os.replace(host.files / "mine", host.files / "file.bin")
    box.wait_for_no_processes()
    assert host.read("file.bin") == b"mine"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_serving_node_leaves_on_a_signal(box, tracker, source, host, number):
    resource = source.add("/file.bin", Content(PIECE))
    assert host.get(resource.url, tracker=tracker, upload_time=300).code == 0
    tracker.node_address(resource.url)
    box.signal_nodes(number)
    box.wait_for_no_processes()
    wait_until(lambda: not tracker.peers(resource.url), "the tracker to forget the node", STOPPING)
    assert host.read("file.bin") == resource.content.bytes()


def test_a_node_stops_serving_a_file_that_was_removed(box, tracker, source, host):
    """It must neither crash nor hand out anything but the verified bytes."""
    resource = source.add("/file.bin", Content(2 * PIECE))
    assert host.get(resource.url, tracker=tracker, upload_time=300).code == 0
    os.remove(host.files / "file.bin")
    other = box.host("b")
    assert_ok(other.get(resource.url, tracker=tracker), other, "file.bin", resource.content)


@pytest.mark.parametrize("change", ["removed", "replaced", "edited"])
def test_a_node_whose_file_is_no_longer_there_leaves(box, tracker, source, host, change):
    resource = source.add("/file.bin", Content(2 * PIECE))
    assert host.get(resource.url, tracker=tracker, upload_time=300).code == 0
    assert tracker.node_address(resource.url)
    file = host.files / "file.bin"
    if change == "removed":
        file.unlink()
    elif change == "replaced":
        (host.files / "mine").write_bytes(b"mine")
        os.replace(host.files / "mine", file)
    else:
        with open(file, "ab") as end:
            end.write(b"more")
    box.wait_for_no_processes()
    assert not tracker.peers(resource.url)


def test_a_node_does_not_serve_a_file_that_was_changed(box, tracker, source, host):
    resource = source.add("/file.bin", Content(2 * PIECE))
    assert host.get(resource.url, tracker=tracker, upload_time=300).code == 0
    with open(host.files / "file.bin", "r+b") as file:
        file.write(b"\0" * 1000)
    other = box.host("b")
    assert_ok(other.get(resource.url, tracker=tracker), other, "file.bin", resource.content)


# Stopping in the middle.


@pytest.mark.parametrize("with_tracker", [True, False])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_in_the_middle_leaves_no_process_and_no_half_file(box, source, host, number, with_tracker):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)
    running = host.start_get(resource.url, tracker=box.tracker() if with_tracker else None, upload_time=300)
    resource.wait_sent(PIECE)
    running.send(number)
    assert running.wait(STOPPING).code != 0
    box.wait_for_no_processes()
    assert_nothing_under(host, "file.bin")


def test_a_closed_terminal_leaves_no_process_and_no_half_file(box, tracker, source, host):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)
    command = [box.minion, "get", resource.url, "--tracker", tracker.address, "--upload-time", "300"]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(host.files)
        os.execve(box.minion, command, host.env)
    try:
        resource.wait_sent(PIECE)
        os.close(terminal)
        box.wait_for_no_processes()
    finally:
        box.signal_nodes(signal.SIGKILL)
        os.waitpid(pid, 0)
    assert_nothing_under(host, "file.bin")


def test_a_killed_get_leaves_no_node(box, tracker, source, host):
    """kill -9 of the command alone: its node notices and goes."""
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)
    running = host.start_get(resource.url, tracker=tracker, upload_time=0)
    resource.wait_sent(PIECE)
    running.process.kill()
    running.process.wait()
    box.wait_for_no_processes()
    assert_nothing_under(host, "file.bin")


def test_a_killed_node_is_an_error_and_no_hang(box, tracker, source, host):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)
    running = host.start_get(resource.url, tracker=tracker)
    resource.wait_sent(PIECE)
    nodes = set(box.processes()) - {running.process.pid}
    assert nodes, "get downloads in a process of its own"
    box.signal_only(nodes, signal.SIGKILL)
    outcome = running.wait(STOPPING)
    assert outcome.code == 1 and outcome.lines
    assert_nothing_under(host, "file.bin")


# Going on.


def interrupt(box, host, resource, tracker, count):
    """Starts a download, kills everything of it at once after `count` bytes, and what the source had sent by then."""
    running = host.start_get(resource.url, tracker=tracker)
    resource.wait_sent(count)
    box.signal_nodes(signal.SIGKILL)
    running.process.wait()
    box.wait_for_no_processes()
    return resource.sent


@pytest.mark.parametrize("with_tracker", [True, False])
def test_after_kill_9_it_goes_on_where_it_was(box, source, host, with_tracker):
    tracker = box.tracker() if with_tracker else None
    resource = source.add("/file.bin", Content(12 * MIB), rate=6 * MIB)
    before = interrupt(box, host, resource, tracker, 6 * MIB)
    assert_nothing_under(host, "file.bin")
    resource.rate = None
    assert_ok(host.get(resource.url, tracker=tracker), host, "file.bin", resource.content)
    assert resource.sent - before <= resource.content.size - before + 2 * MIB, "verified pieces were fetched again"


def test_after_the_loss_of_the_tracker_too_it_goes_on_where_it_was(box, source, host):
    tracker = box.tracker()
    resource = source.add("/file.bin", Content(12 * MIB), rate=6 * MIB)
    before = interrupt(box, host, resource, tracker, 6 * MIB)
    tracker.kill()
    tracker.restart()
    resource.rate = None
    assert_ok(host.get(resource.url, tracker=tracker), host, "file.bin", resource.content)
    assert resource.sent - before <= resource.content.size - before + 2 * MIB, "verified pieces were fetched again"


def test_after_ctrl_c_it_goes_on_where_it_was(box, tracker, source, host):
    resource = source.add("/file.bin", Content(12 * MIB), rate=6 * MIB)
    running = host.start_get(resource.url, tracker=tracker)
    resource.wait_sent(6 * MIB)
    running.send(signal.SIGINT)
    running.wait(STOPPING)
    box.wait_for_no_processes()
    before, resource.rate = resource.sent, None
    assert_ok(host.get(resource.url, tracker=tracker), host, "file.bin", resource.content)
    assert resource.sent - before <= resource.content.size - before + 2 * MIB, "verified pieces were fetched again"


def test_damage_done_to_the_part_meanwhile_is_found(box, tracker, source, host):
    resource = source.add("/file.bin", Content(8 * MIB), rate=6 * MIB)
    interrupt(box, host, resource, tracker, 5 * MIB)
    parts = [path for path in host.root.rglob("*") if path.is_file() and path.stat().st_size >= MIB]
    assert len(parts) == 1, parts
    with open(parts[0], "r+b") as part:
        for offset in range(1000, 6 * MIB, PIECE * 3):
            part.seek(offset)
            part.write(b"damage")
    resource.rate = None
    assert_ok(host.get(resource.url, tracker=tracker), host, "file.bin", resource.content)


def test_what_is_left_of_an_older_version_is_not_used(box, tracker, source, host):
    resource = source.add("/file.bin", Content(8 * MIB, "before"), rate=6 * MIB)
    interrupt(box, host, resource, tracker, 5 * MIB)
    resource.content, resource.rate = Content(8 * MIB, "after"), None
    assert_ok(host.get(resource.url, tracker=tracker), host, "file.bin", resource.content)


def test_the_tracker_ends_gracefully_on_sigterm(tracker):
    assert tracker.ask("/healthz").json == {"status": "ok"}
    assert tracker.stop() == 0
    assert "Fatal" not in tracker.log


def test_the_tracker_refuses_a_port_that_is_taken(box, tracker):
    outcome = box.host("b").run("serve", "--listen", tracker.address, "--data-dir", box.root / "other", seconds=20)
    assert outcome.code != 0 and str(tracker.port) in outcome.err


def test_the_download_goes_on_when_get_runs_in_the_background_of_a_shell(box, tracker, source, host):
    resource = source.add("/file.bin", Content(MIB))
    outcome = host.shell(
        f'"$MINION" get {resource.url} --tracker {tracker.address} --upload-time 0 & wait $!; echo $?')
    assert outcome.out.decode().strip() == "0"
    assert host.read("file.bin") == resource.content.bytes()
