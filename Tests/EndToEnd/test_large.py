"""What only shows with gigabytes."""
import pytest

from checks import MIB, assert_file, peak_memory
from content import Content

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("size", [(3 << 30) + 1, (1 << 32) + 5])
def test_gigabytes_arrive_whole_in_bounded_memory(box, tracker, source, host, size):
    resource = source.add("/file.bin", Content(size))
    running = host.start_get(resource.url, tracker=tracker, upload_time=300)
    peak = 0
    while running.is_running:
        peak = max([peak, *peaks(box)])
        try:
            running.process.wait(0.2)
        except Exception:
            continue
    peak = max([peak, *peaks(box)])
    outcome = running.wait()
    assert outcome.code == 0, outcome.err
    assert_file(host, "file.bin", resource.content)
    assert 0 < peak <= 120 * MIB
    assert resource.copies <= 1.01

    second = box.host("b")
    before = resource.sent
    outcome = second.get(resource.url, "--no-fallback", tracker=tracker, seconds=600)
    assert outcome.code == 0, outcome.err
    assert_file(second, "file.bin", resource.content)
    assert resource.sent == before
    assert max(peaks(box)) <= 120 * MIB


def peaks(box):
    found = []
    for pid in box.processes():
        try:
            found.append(peak_memory(pid))
        except (OSError, AssertionError):
            continue
    return found


def test_thirty_hosts_on_one_machine(box, tracker, source):
    resource = source.add("/file.bin", Content(16 * MIB), rate=16 * MIB)
    hosts = box.hosts(30)
    running = [host.start_get(resource.url, tracker=tracker, upload_time=300) for host in hosts]
    for host, each in zip(hosts, running):
        outcome = each.wait(180)
        assert outcome.code == 0, outcome.err
        assert_file(host, "file.bin", resource.content)
    assert resource.copies <= 1.3
