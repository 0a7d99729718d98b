"""`minion.open`."""
import gc
import io
import os
import tarfile
import time

import pytest

import minion
from checks import MIB
from content import Content
from protocol import PIECE
from waiting import wait_until


def open_(url, **options):
    return minion.open(url, **{"upload_time": 0, **options})


@pytest.mark.parametrize("size", [0, 1, PIECE, 5 * MIB + 7])
def test_the_reader_gives_the_file(here, tracker, source, size):
    resource = source.add("/file.bin", Content(size))
    with open_(resource.url, tracker=tracker.address) as file:
        assert file.read() == resource.content.bytes()
        assert file.read() == b""
    assert here.listing() == []


def test_it_can_be_read_in_all_ways(here, source):
    resource = source.add("/file.bin", Content(MIB))
    with open_(resource.url) as file:
        data = file.read(10) + file.read1(100)
        buffer = bytearray(1000)
        count = file.readinto(buffer)
        data += buffer[:count] + file.peek()[:0] + file.readline()
        data += b"".join(file)
    assert data == resource.content.bytes()


def test_text_and_archives_can_be_read_from_it(here, source, box):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        info = tarfile.TarInfo("hello")
        info.size = 6
        archive.addfile(info, io.BytesIO(b"hello\n"))

    class Archive(Content):
        def chunks(self, start=0, end=-1, step=0):
            data = packed.getvalue()
            yield memoryview(data[start : len(data) if end < 0 else end])

    resource = source.add("/file.tar", Archive(len(packed.getvalue())))
    with open_(resource.url) as file, tarfile.open(fileobj=file, mode="r|") as archive:
        member = archive.next()
        assert member.name == "hello" and archive.extractfile(member).read() == b"hello\n"


def test_the_first_bytes_come_before_the_last_are_there(here, tracker, source):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)
    with open_(resource.url, tracker=tracker.address) as file:
        assert file.read(PIECE) == resource.content.bytes(0, PIECE)
        assert resource.sent < 2 * MIB
        resource.release()
        assert file.read() == resource.content.bytes(PIECE)


def test_closing_it_early_ends_the_download(box, here, source):
    resource = source.add("/file.bin", Content(64 * MIB), rate=16 * MIB)
    file = open_(resource.url, upload_time=300)
    assert file.read(1000) == resource.content.bytes(0, 1000)
    file.close()
    box.wait_for_no_processes()
    assert resource.sent < 60 * MIB
    with pytest.raises(ValueError):
        file.read(1)
    file.close()


def test_closing_it_while_the_source_stalls_ends_the_download_too(box, here, source):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=1000)
    file = open_(resource.url)
    resource.wait_sent(1000)
    began = time.monotonic()
    file.close()
    assert time.monotonic() - began < 4
    box.wait_for_no_processes()


def test_a_reader_that_nobody_closes_ends_with_its_owner(box, here, source):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=1000)
    file = open_(resource.url)
    assert not file.closed
    del file
    gc.collect()
    box.wait_for_no_processes()


def test_a_download_that_fails_raises_at_the_read(here, source):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)
    received = b""
    with open_(resource.url, timeout=1) as file:
        with pytest.raises(minion.Failed, match="nothing has arrived"):
            while chunk := file.read1():
                received += chunk
        with pytest.raises(minion.Failed, match="nothing has arrived"):
            file.read(1)
    assert received and resource.content.bytes().startswith(received)


@pytest.mark.parametrize("url, kind", [
    ("http://127.0.0.1:1/x", minion.SourceUnreachable), ("http://nowhere.invalid/x", minion.HostNotFound),
    ("nonsense", minion.BadArguments),
])
def test_errors_are_those_of_the_command(here, url, kind):
    with open_(url) as file, pytest.raises(kind) as caught:
        file.read()
    assert caught.value.message and caught.value.hint


def test_the_digest_is_checked_at_the_end(here, source):
    resource = source.add("/file.bin", Content(MIB))
    with open_(resource.url, digest="sha256:" + resource.content.digest()) as file:
        assert len(file.read()) == MIB
    with open_(resource.url, digest="md5:" + "0" * 32) as file:
        assert file.read(MIB) == resource.content.bytes()
        with pytest.raises(minion.ChecksumMismatch):
            file.read()


@pytest.mark.parametrize("digest", ["sha256:12", "sha256:" + "x" * 64, "none:" + "0" * 32, "0" * 64, ""])
def test_a_digest_that_is_none_is_refused_at_once(here, digest):
    with pytest.raises(minion.BadArguments):
        open_("http://127.0.0.1:1/x", digest=digest)


def test_a_slow_reader_gets_everything(here, source):
    resource = source.add("/file.bin", Content(3 * MIB + 1))
    with open_(resource.url) as file:
        wait_until(lambda: resource.sent >= resource.content.size, "the source to have sent it")
        data = b"".join(iter(lambda: file.read(7777), b""))
    assert data == resource.content.bytes()


def test_nothing_is_left_open(here, source):
    resource = source.add("/file.bin", Content(10))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(4):
        with open_(resource.url) as file:
            file.read()
        open_(resource.url).close()
    wait_until(lambda: len(os.listdir("/proc/self/fd")) <= before + 1, "connections of the source to close")
