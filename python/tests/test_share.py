"""`minion.share`, blocking and for asyncio."""
import asyncio
import gc
import os
import signal
import time

import pytest

import minion
import minion.aio
from checks import MIB, assert_file
from content import Content
from waiting import wait_until

pytestmark = pytest.mark.share


@pytest.fixture
def content(here):
    content = Content(3 * MIB + 7)
    (here.files / "data.bin").write_bytes(content.bytes())
    return content


def get_elsewhere(box, url, tracker, *arguments):
    host = box.host(f"other{len(box.started)}")
    return host, host.get(url, "-o", "copy", *arguments, tracker=tracker)


def test_others_get_it_as_long_as_the_block_runs(box, here, tracker, content):
    with minion.share("data.bin", tracker=tracker.address) as shared:
        assert shared.url == "minion:data.bin" and shared.is_running
        assert shared.command == f"minion get minion:data.bin --tracker {tracker.address}"
        for _ in range(2):
            host, outcome = get_elsewhere(box, shared.url, tracker)
            assert outcome.code == 0, outcome.err
            assert_file(host, "copy", content)
        assert not shared.wait(0.1)
    assert not shared.is_running
    box.wait_for_no_processes()


def test_it_can_be_got_from_python(here, tracker, content):
    with minion.share(here.files / "data.bin", "model/7", tracker=tracker.address) as shared:
        result = minion.get(shared.url, "copy", tracker=tracker.address, upload_time=0)
        with minion.open(shared.url, tracker=tracker.address, upload_time=0) as file:
            assert file.read() == content.bytes()
    assert (result.bytes_from_peers, result.bytes_from_source) == (content.size, 0)
    assert_file(here, "copy", content)


def test_a_url_may_be_its_name(box, here, tracker, source, content):
    url = source.url("/not-there")
    with minion.share("data.bin", url, tracker=tracker.address) as shared:
        assert shared.url == url
        host, outcome = get_elsewhere(box, url, tracker, "--no-fallback")
        assert outcome.code == 0, outcome.err
        assert_file(host, "copy", content)


def test_tags_keep_it_apart(box, here, tracker, content):
    with minion.share("data.bin", tracker=tracker.address, tag="a", application="b") as shared:
        assert get_elsewhere(box, shared.url, tracker, "--tag", "a", "--application", "b")[1].code == 0
        assert get_elsewhere(box, shared.url, tracker, "--timeout", "3")[1].code == 1


def test_progress_is_told_while_it_is_read(here, tracker):
    (here.files / "large").write_bytes(Content(256 * MIB).bytes())
    seen = []
    with minion.share("large", tracker=tracker.address, progress=seen.append):
        assert seen and seen[-1].size == 256 * MIB
        assert [p.bytes_done for p in seen] == sorted(p.bytes_done for p in seen)


def test_what_progress_raises_ends_it(box, here, tracker):
    (here.files / "large").write_bytes(Content(256 * MIB).bytes())

    def fail(progress):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        minion.share("large", tracker=tracker.address, progress=fail)
    assert box.processes() == {}


@pytest.mark.parametrize("path, options, kind", [
    ("none", {"tracker": "127.0.0.1:1"}, minion.Failed), (".", {"tracker": "127.0.0.1:1"}, minion.Failed),
    ("data.bin", {}, minion.BadArguments), ("data.bin", {"tracker": "127.0.0.1:1", "name": "a b"}, minion.BadArguments),
])
def test_what_cannot_be_shared_is_an_error_at_once(box, here, content, path, options, kind):
    with pytest.raises(kind) as caught:
        minion.share(path, **options)
    assert caught.value.message
    assert box.processes() == {}


def change(path):
    with open(path, "r+b") as file:
        file.write(b"changed")


def test_a_file_that_is_changed_is_told(box, here, tracker, content):
    with minion.share("data.bin", tracker=tracker.address) as shared:
        change("data.bin")
        get_elsewhere(box, shared.url, tracker, "--timeout", "2")
        with pytest.raises(minion.Failed, match="data.bin"):
            shared.wait(30)
        assert not shared.is_running
    # Whoever has been told is not told again.


def test_a_file_that_is_changed_is_told_at_the_end_of_the_block(box, here, tracker, content):
    with pytest.raises(minion.Failed, match="data.bin"):
        with minion.share("data.bin", tracker=tracker.address) as shared:
            change("data.bin")
            get_elsewhere(box, shared.url, tracker, "--timeout", "2")
            wait_until(lambda: not shared.is_running, "the change to be seen")


def test_a_program_that_is_killed_is_told_at_the_end_of_the_block(box, here, tracker, content):
    with pytest.raises(minion.Stopped):
        with minion.share("data.bin", tracker=tracker.address) as shared:
            for pid, line in box.processes().items():
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not shared.is_running, "the end to be seen")


def test_an_error_of_the_block_is_the_one_that_is_raised(box, here, tracker, content):
    with pytest.raises(RuntimeError, match="mine"):
        with minion.share("data.bin", tracker=tracker.address):
            raise RuntimeError("mine")
    assert box.processes() == {}


def test_closing_twice_does_no_harm(here, tracker, content):
    shared = minion.share("data.bin", tracker=tracker.address)
    shared.close()
    shared.close()
    assert shared.wait()


SHARING = """
    import sys, minion
    with minion.share("data.bin", tracker=sys.argv[1]) as shared:
        print(shared.url)
        shared.wait()
"""


def test_an_interrupt_ends_it(box, script, tracker, content):
    running = script(SHARING, tracker.address)
    assert running.line() == "minion:data.bin"
    os.kill(running.process.pid, signal.SIGINT)
    assert running.wait() == -signal.SIGINT
    assert box.processes() == {}


def test_it_does_not_outlive_a_process_that_was_killed(box, script, tracker, content):
    running = script(SHARING, tracker.address)
    assert running.line() == "minion:data.bin"
    running.process.kill()
    running.wait()
    box.wait_for_no_processes()


def test_nothing_is_left_open(here, tracker, content):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        minion.share("data.bin", tracker=tracker.address).close()
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before


# asyncio.


def test_for_asyncio_others_get_it_as_long_as_the_block_runs(box, here, tracker, content):
    async def work():
        async with minion.aio.share("data.bin", "x", tracker=tracker.address) as shared:
            assert shared.url == "minion:x" and shared.is_running
            result = await minion.aio.get(shared.url, "copy", tracker=tracker.address, upload_time=0)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(shared.wait(), 0.1)
        assert box.processes() == {}
        return result

    assert asyncio.run(work()).bytes_from_peers == content.size
    assert_file(here, "copy", content)


def test_for_asyncio_errors_come_at_the_beginning_of_the_block(box, here, tracker):
    async def work():
        async with minion.aio.share("none", tracker=tracker.address):
            raise AssertionError

    with pytest.raises(minion.Failed):
        asyncio.run(work())
    assert box.processes() == {}


def test_for_asyncio_a_file_that_is_changed_is_told(box, here, tracker, content):
    async def work():
        async with minion.aio.share("data.bin", tracker=tracker.address) as shared:
            change("data.bin")
            await asyncio.get_running_loop().run_in_executor(
                None, get_elsewhere, box, shared.url, tracker, "--timeout", "2")
            with pytest.raises(minion.Failed, match="data.bin"):
                await asyncio.wait_for(shared.wait(), 30)
            assert not shared.is_running

    asyncio.run(work())


def test_for_asyncio_a_file_that_is_changed_is_told_at_the_end_of_the_block(box, here, tracker, content):
    async def work():
        async with minion.aio.share("data.bin", tracker=tracker.address) as shared:
            change("data.bin")
            await asyncio.get_running_loop().run_in_executor(
                None, get_elsewhere, box, shared.url, tracker, "--timeout", "2")
            while shared.is_running:
                await asyncio.sleep(0.01)

    with pytest.raises(minion.Failed, match="data.bin"):
        asyncio.run(work())


def test_for_asyncio_cancelling_ends_it(box, here, tracker, content):
    async def work():
        entered = asyncio.Event()

        async def share():
            async with minion.aio.share("data.bin", tracker=tracker.address) as shared:
                entered.set()
                await shared.wait()

        task = asyncio.ensure_future(share())
        await entered.wait()
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 4
        assert box.processes() == {}

    asyncio.run(work())
