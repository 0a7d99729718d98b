"""`minion.aio`."""
import asyncio
import os
import signal
import time

import pytest

import minion
import minion.aio
from checks import MIB, assert_file
from content import Content
from protocol import PIECE


async def get(url, dest=".", **options):
    return await minion.aio.get(url, dest, **{"upload_time": 0, **options})


def open_(url, **options):
    return minion.aio.open(url, **{"upload_time": 0, **options})


def test_a_file_comes_with_its_progress(here, tracker, source):
    resource = source.add("/file.bin", Content(2 * MIB), rate=4 * MIB)
    seen = []
    result = asyncio.run(get(resource.url, tracker=tracker.address, progress=seen.append))
    assert_file(here, "file.bin", resource.content)
    assert result.bytes_from_source == result.size == 2 * MIB
    assert seen and seen[-1].size == 2 * MIB


def test_many_at_once(here, tracker, source):
    resources = [source.add(f"/file{i}", Content(300_000 + i, str(i))) for i in range(12)]

    async def all_of_them():
        return await asyncio.gather(*(get(resource.url, tracker=tracker.address) for resource in resources))

    assert [result.size for result in asyncio.run(all_of_them())] == [300_000 + i for i in range(12)]
    for i, resource in enumerate(resources):
        assert_file(here, f"file{i}", resource.content)


def test_cancelling_the_task_ends_the_download(box, here, source):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)

    async def work():
        task = asyncio.ensure_future(minion.aio.get(resource.url, upload_time=300))
        while resource.sent < MIB:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert box.processes() == {}

    asyncio.run(work())


def test_a_deadline_ends_the_download(box, here, source):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)

    async def work():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(minion.aio.get(resource.url, upload_time=300), 0.5)
        assert box.processes() == {}

    asyncio.run(work())


def test_an_interrupt_ends_the_download(box, script, source):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)
    running = script(
        """
        import asyncio, sys, minion.aio
        def told(progress):
            if progress.bytes_done: print("running")
        asyncio.run(minion.aio.get(sys.argv[1], upload_time=300, progress=told))
        """, resource.url)
    assert running.line() == "running"
    os.kill(running.process.pid, signal.SIGINT)
    assert running.wait() in (-signal.SIGINT, 130)
    box.wait_for_no_processes()


def test_what_progress_raises_ends_the_download(box, here, source):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)

    def fail(progress):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        asyncio.run(get(resource.url, progress=fail))
    assert box.processes() == {}


@pytest.mark.parametrize("url, kind", [
    ("http://127.0.0.1:1/x", minion.SourceUnreachable), ("http://nowhere.invalid/x", minion.HostNotFound),
    ("nonsense", minion.BadArguments),
])
def test_errors_are_those_of_the_command(here, url, kind):
    with pytest.raises(kind) as caught:
        asyncio.run(get(url))
    assert caught.value.message and caught.value.hint

    async def read():
        async with open_(url) as file:
            await file.read()

    with pytest.raises(kind) as caught:
        asyncio.run(read())
    assert caught.value.message and caught.value.hint


def test_without_the_program_it_says_so(here, monkeypatch):
    monkeypatch.setenv("MINION_BIN", "/nowhere/minion")
    with pytest.raises(minion.ProgramNotFound):
        asyncio.run(get("http://127.0.0.1:1/file"))


# Streams.


@pytest.mark.parametrize("size", [0, 1, PIECE, 5 * MIB + 7])
def test_the_reader_gives_the_file(here, tracker, source, size):
    resource = source.add("/file.bin", Content(size))

    async def read():
        async with open_(resource.url, tracker=tracker.address) as file:
            first = await file.read(10)
            return first + b"".join([chunk async for chunk in file]) + await file.read()

    assert asyncio.run(read()) == resource.content.bytes()


def test_leaving_the_block_early_ends_the_download(box, here, source):
    resource = source.add("/file.bin", Content(64 * MIB), rate=16 * MIB)

    async def read():
        async with open_(resource.url, upload_time=300) as file:
            async for chunk in file:
                assert resource.content.bytes(0, len(chunk)) == chunk
                break
        assert box.processes() == {}

    asyncio.run(read())
    assert resource.sent < 60 * MIB


def test_a_reader_that_is_far_behind_can_be_closed(box, here, source):
    """What has arrived and was never read must not keep the program alive."""
    resource = source.add("/file.bin", Content(32 * MIB))

    async def read():
        async with open_(resource.url) as file:
            await file.read(1)
            while resource.sent < 32 * MIB:
                await asyncio.sleep(0.01)
            began = time.monotonic()
        assert time.monotonic() - began < 4
        assert box.processes() == {}

    asyncio.run(read())


def test_a_download_that_fails_raises_at_the_read(here, source):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)

    async def read():
        received = b""
        async with open_(resource.url, timeout=1) as file:
            with pytest.raises(minion.Failed, match="nothing has arrived"):
                async for chunk in file:
                    received += chunk
            with pytest.raises(minion.Failed, match="nothing has arrived"):
                await file.read()
        return received

    received = asyncio.run(read())
    assert received and resource.content.bytes().startswith(received)


def test_the_digest_is_checked_at_the_end(here, source):
    resource = source.add("/file.bin", Content(MIB))

    async def read(digest):
        async with open_(resource.url, digest=digest) as file:
            return len(await file.read())

    assert asyncio.run(read("sha256:" + resource.content.digest())) == MIB
    with pytest.raises(minion.ChecksumMismatch):
        asyncio.run(read("md5:" + "0" * 32))


def test_it_needs_a_block():
    with pytest.raises(AttributeError):
        minion.aio.open("http://h/x").read
