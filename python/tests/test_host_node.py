"""The library on a host that has a node of its own (`minion peer`)."""
import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

import minion
import minion.aio
from checks import MIB, assert_file
from content import Content
from waiting import wait_until

pytestmark = pytest.mark.peer


@pytest.fixture
def peer(box, tracker, here, monkeypatch):
    peer = box.peer(here, tracker=tracker)
    monkeypatch.setenv("MINION_SOCKET", str(peer.socket))
    return peer


def test_the_second_time_nobody_is_asked(here, source, peer):
    resource = source.add("/file.bin", Content(3 * MIB))
    first = minion.get(resource.url)
    asked = len(resource.requests)
    second = minion.get(resource.url, "again")
    assert len(resource.requests) == asked
    assert_file(here, "file.bin", resource.content)
    assert_file(here, "again", resource.content)
    assert first.bytes_from_source == second.bytes_already_here == 3 * MIB
    assert second.path == here.files / "again" and second.bytes_from_source == second.bytes_from_peers == 0


def test_many_at_once_are_one_download(here, source, peer):
    resource = source.add("/file.bin", Content(3 * MIB))
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda i: minion.get(resource.url, f"copy{i}"), range(5)))
    for i in range(5):
        assert_file(here, f"copy{i}", resource.content)
    assert resource.copies <= 1.05


def test_a_stream_comes_out_of_the_cache_too(here, source, peer):
    resource = source.add("/file.bin", Content(3 * MIB))
    minion.get(resource.url)
    asked = len(resource.requests)
    with minion.open(resource.url) as file:
        assert file.read() == resource.content.bytes()
    assert len(resource.requests) == asked


def test_without_it_if_so_wished(box, here, source, peer):
    resource = source.add("/file.bin", Content(MIB))
    minion.get(resource.url)
    sent = resource.sent
    result = minion.get(resource.url, "again", node=False, upload_time=0)
    assert result.bytes_already_here == 0
    assert result.bytes_from_source + result.bytes_from_peers == MIB
    # Beside the content only a question for its version.
    assert 0 <= resource.sent - sent - result.bytes_from_source <= 1


def test_a_hard_link_if_so_wished(here, source, peer):
    resource = source.add("/file.bin", Content(MIB))
    result = minion.get(resource.url, hard_link=True)
    assert result.path.stat().st_nlink == 2 or result.warnings
    assert_file(here, "file.bin", resource.content)


def test_cancelling_one_does_not_stop_the_other(here, source, peer):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=MIB)

    async def work():
        first = asyncio.ensure_future(minion.aio.get(resource.url, "first"))
        second = asyncio.ensure_future(minion.aio.get(resource.url, "second"))
        while resource.sent < MIB:
            await asyncio.sleep(0.01)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        resource.release()
        return await second

    assert asyncio.run(work()).size == 4 * MIB
    assert_file(here, "second", resource.content)
    assert not (here.files / "first").exists()


def test_closing_a_reader_early_ends_the_download_of_the_node(here, source, peer):
    resource = source.add("/file.bin", Content(64 * MIB), rate=16 * MIB)
    with minion.open(resource.url) as file:
        assert file.read(1000) == resource.content.bytes(0, 1000)
    sent = []

    def is_quiet():
        sent.append(resource.sent)
        return len(sent) > 100 and sent[-1] == sent[-100]

    wait_until(is_quiet, "the source to be left alone")
    assert resource.sent < 60 * MIB


def test_a_node_that_does_not_answer_is_an_error(here, source, monkeypatch):
    monkeypatch.setenv("MINION_SOCKET", str(here.root / "run" / "nobody.sock"))
    with pytest.raises(minion.Failed, match="nobody.sock"):
        minion.get(source.add("/file.bin", Content(10)).url)
