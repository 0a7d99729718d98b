"""`minion.compat.Minions`: scripts of the first Minion, as they were but for the import."""
import json
import os
import signal
import threading

import pytest

import minion
from checks import MIB, assert_file
from content import Content
from minion import compat, old_tracker
from minion.compat import (
    DownloadError, Minions, NoPeersFound, OriginURLConnectError, TrackerUnavailable, UnknowStrict,
)
from waiting import wait_until

pytestmark = pytest.mark.share


@pytest.fixture
def minions(here):
    """Makes objects that are closed in the end."""
    made = []

    def make(*arguments, **options):
        made.append(Minions(*arguments, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def post(tracker, res, port=7000, ip="127.0.0.1", site=None):
    body = {"res": res, "ip": ip, "port": port, **({"adt_info": {"site": site}} if site else {})}
    answer = tracker.ask("/peer/", "POST", json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    assert answer.status == 200


# Downloading.


def test_a_download_ends_with_its_callback_and_is_served_until_closed(box, here, tracker, source, minions):
    resource = source.add("/file.bin", Content(2 * MIB))
    called = []
    m = minions(resource.url, download_dest="file.bin", tracker=tracker.address, fallback=True)
    m.download_res(callback=lambda **words: called.append(words), cb_kwargs={"a": 1})
    assert called == [{"a": 1}]
    assert_file(here, "file.bin", resource.content)
    assert m.res_is_ready() and m.res_downloaded_size() == m.get_file_cursor() == 2 * MIB
    assert m.is_uploading() and not m.is_wait_uploading()
    other = box.host("other")
    assert other.get(resource.url, "--no-fallback", tracker=tracker).code == 0
    m.close()
    assert not m.is_uploading() and not m.is_activated()
    assert box.processes() == {}


def test_a_download_in_a_thread_is_waited_for(here, tracker, source, minions):
    resource = source.add("/file.bin", Content(2 * MIB), stall_after=MIB)
    called = threading.Event()
    m = minions(resource.url, "file.bin", tracker.address, fallback=True)
    m.download_res(thread=True, callback=called.set)
    wait_until(lambda: m.res_downloaded_size() > 0, "the first bytes")
    assert m.check_download_thread() is True and not m.res_is_ready() and not called.is_set()
    assert m.is_uploading()
    assert m.get_num_peer_in_conn() == 0
    resource.release()
    assert m.wait_for_res() is True
    assert called.is_set() and m.res_is_ready() and m.check_download_thread() is None
    assert_file(here, "file.bin", resource.content)


def test_one_gets_from_the_other_without_the_origin(here, tracker, source, minions):
    resource = source.add("/file.bin", Content(2 * MIB))
    minions(resource.url, "a", tracker.address, fallback=True).download_res()
    sent = resource.sent
    m = minions(resource.url, "b", tracker.address)
    peers = m.get_peers()
    assert len(peers) == 1 and m.peers == peers
    m.download_res()
    assert resource.sent == sent
    assert_file(here, "b", resource.content)
    assert m.get_peers() == peers, "one's own address is not among them"


def test_without_peers_and_fallback_there_is_an_error(here, tracker, source, minions):
    resource = source.add("/file.bin", Content(MIB))
    m = minions(resource.url, "file.bin", tracker.address)
    with pytest.raises(NoPeersFound):
        m.get_peers()
    with pytest.raises(NoPeersFound):
        m.download_res()
    assert not m.is_activated() and not m.res_is_ready()
    assert resource.requests == [] and here.listing() == []


def test_errors_of_a_thread_are_raised_where_it_is_waited_for(here, tracker, source, minions):
    m = minions(source.url("/none"), "file.bin", tracker.address, fallback=True)
    m.download_res(thread=True)
    with pytest.raises(DownloadError, match="404"):
        m.wait_for_res()
    with pytest.raises(DownloadError):
        m.check_download_thread()


def test_other_errors_have_the_names_that_scripts_catch(here, tracker, source, minions):
    resource = source.add("/file.bin", Content(MIB))
    with pytest.raises(ValueError, match="tracker required"):
        Minions(resource.url, "file.bin")
    with pytest.raises(TrackerUnavailable):
        minions(resource.url, "file.bin", "127.0.0.1:1").download_res()
    with pytest.raises(TrackerUnavailable):
        minions(resource.url, "file.bin", "127.0.0.1:1").get_peers()
    with pytest.raises(OriginURLConnectError):
        minions("http://127.0.0.1:1/x", "file.bin", tracker.address, fallback=True).download_res()
    with pytest.raises(OriginURLConnectError):
        minions("http://nowhere.invalid/x", "file.bin", tracker.address, fallback=True).download_res()
    with pytest.raises(DownloadError):
        minions(resource.url, "file.bin", tracker.address).wait_for_res()


def test_every_error_is_one_of_minions_too():
    for name in compat.__all__:
        kind = getattr(compat, name)
        if isinstance(kind, type) and issubclass(kind, Exception):
            assert issubclass(kind, minion.MinionError)


def test_deactivating_ends_a_running_download(box, here, tracker, source, minions):
    resource = source.add("/file.bin", Content(2 * MIB), stall_after=MIB)
    m = minions(resource.url, "file.bin", tracker.address, fallback=True)
    m.download_res(thread=True)
    wait_until(lambda: m.res_downloaded_size() > 0, "the first bytes")
    m.deactivate()
    with pytest.raises(DownloadError, match="ended"):
        m.wait_for_res()
    assert box.processes() == {}
    m.activate()
    resource.release()
    m.download_res()
    assert_file(here, "file.bin", resource.content)


def test_rates_count(here, tracker, source, minions):
    resource = source.add("/file.bin", Content(2 * MIB))
    m = minions(resource.url, "file.bin", tracker.address, download_rate=MIB, fallback=True)
    m.download_res(rate=100 * MIB)
    assert m.download_rate == 100 * MIB
    assert_file(here, "file.bin", resource.content)


def test_in_order_the_file_grows_under_its_name(box, here, tracker, source, minions):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=2 * MIB)
    m = minions(resource.url, "file.bin", tracker.address, fallback=True, disorder=False)
    m.UPLOAD_TIME = 0
    m.download_res(thread=True)
    wait_until(lambda: m.get_file_cursor() > 0, "the first bytes")
    cursor = m.get_file_cursor()
    assert here.read("file.bin")[:cursor] == resource.content.bytes(0, cursor)
    resource.release()
    m.wait_for_res()
    assert m.get_file_cursor() == 4 * MIB
    assert_file(here, "file.bin", resource.content)


def test_in_order_a_download_can_be_ended_too(box, here, tracker, source, minions):
    resource = source.add("/file.bin", Content(4 * MIB), stall_after=2 * MIB)
    m = minions(resource.url, "file.bin", tracker.address, fallback=True, disorder=False)
    m.download_res(thread=True)
    wait_until(lambda: m.get_file_cursor() > 0, "the first bytes")
    m.close()
    with pytest.raises(DownloadError, match="ended"):
        m.wait_for_res()
    box.wait_for_no_processes()


# Names.


@pytest.mark.parametrize("url, name, ignored", [
    ("http://h/a", "http://h/a", []), ("http://h/a?x=1", "http://h/a", ["x"]), ("http://h/a?x=1&y=2", "http://h/a?y=2", ["x"]),
    ("http://h/a?x=1&y=2&x=3", "http://h/a?y=2", ["x"]), ("http://h/a?x=1&y=2", "http://h/a?y=3", None),
    ("http://h/a", "http://h/b", None), ("http://h/a?x=1", "a", None), ("http://h/a", "http://h/a?x=1", None),
    ("http://h/a?x=1&x=2", "http://h/a?x=2", None), ("http://h/a?x=1&y=2&z=3", "http://h/a?z=3&y=2", None),
])
def test_a_name_that_is_the_url_less_some_parameters_is_understood(url, name, ignored):
    assert compat._ignored_parameters(url, name) == ignored


def test_urls_that_differ_in_ignored_parameters_are_one_resource(here, tracker, source, minions):
    resource = source.add("/file.bin", Content(MIB))
    a = minions(resource.url + "?key=1", "a", tracker.address, upload_res_url=resource.url, fallback=True)
    a.download_res()
    sent = resource.sent
    b = minions(resource.url + "?key=2", "b", tracker.address, upload_res_url=resource.url)
    assert len(b.get_peers()) == 1
    b.download_res()
    assert resource.sent == sent
    assert_file(here, "b", resource.content)


def test_a_name_that_has_nothing_to_do_with_the_url(here, tracker, source, minions):
    """Peers know it by that name only, the origin only by the URL."""
    resource = source.add("/file.bin", Content(MIB))
    a = minions(resource.url, "a", tracker.address, upload_res_url="package-7", fallback=True)
    a.download_res()
    assert a.is_uploading()
    sent = resource.sent
    b = minions("http://mirror.invalid/file", "b", tracker.address, upload_res_url="package-7")
    b.download_res()
    assert resource.sent == sent
    assert_file(here, "b", resource.content)


# Serving.


def test_a_local_file_is_served_by_its_name(box, here, tracker, minions):
    content = Content(2 * MIB + 5)
    (here.files / "image").write_bytes(content.bytes())
    m = minions("AliOS5U7-x86-64.tgz", tracker=tracker.address)
    with pytest.raises(ValueError):
        m.upload_res()
    m.upload_res(path="image")
    assert m.is_uploading()
    getter = minions("AliOS5U7-x86-64.tgz", "copy", tracker.address)
    assert [port for _, port in getter.get_peers()] == [m.port]
    with pytest.raises(NoPeersFound):
        m.get_peers()
    getter.download_res()
    assert_file(here, "copy", content)
    getter.close()
    m.stop_upload()
    assert not m.is_uploading() and m.is_activated()
    with pytest.raises(NoPeersFound):
        getter.get_peers()
    assert box.processes() == {}


def test_a_file_is_served_again_under_another_name(here, tracker, source, minions):
    resource = source.add("/file.bin", Content(MIB))
    m = minions(resource.url, "file.bin", tracker.address, fallback=True)
    m.download_res()
    m.upload_res()
    m.upload_res(piece_file=m.piece_file, res_name="other", rate=50 * MIB)
    assert (m.upload_res_url, m.upload_rate) == ("other", 50 * MIB)
    getter = minions("other", "copy", tracker.address)
    getter.download_res()
    assert_file(here, "copy", resource.content)


def test_what_cannot_be_served_is_an_error(here, tracker, minions):
    with pytest.raises(DownloadError):
        minions("x", tracker=tracker.address).upload_res(path="nothing-here")


@pytest.mark.parametrize("stop", ["stop_upload", "uploader_termiante", "del_myself_from_tracker", "close"])
def test_serving_can_be_ended_in_many_ways(box, here, tracker, minions, stop):
    (here.files / "image").write_bytes(b"hello")
    m = minions("name", tracker=tracker.address)
    m.upload_res(path="image")
    m.add_to_tracker()
    m.start_ready_upload_thread()
    m.stop_pyinotify()
    assert m.is_uploading()
    getattr(m, stop)()
    assert not m.is_uploading()
    box.wait_for_no_processes()
    assert tracker.peers("minion:name") == []


SERVING = """
    import sys
    from minion.compat import Minions
    m = Minions("name", tracker=sys.argv[1])
    m.upload_res(path="image")
    print("serving")
"""


def test_a_script_goes_on_serving_at_its_end_until_it_is_interrupted(box, here, script, tracker):
    (here.files / "image").write_bytes(b"hello")
    running = script(SERVING, tracker.address)
    assert running.line() == "serving"
    other = box.host("other")
    assert other.get("minion:name", tracker=tracker).code == 0
    assert running.process.poll() is None
    os.killpg(running.process.pid, signal.SIGINT)
    running.wait()
    box.wait_for_no_processes()


def test_a_script_that_is_killed_leaves_nothing(box, here, script, tracker):
    (here.files / "image").write_bytes(b"hello")
    running = script(SERVING, tracker.address)
    assert running.line() == "serving"
    running.process.kill()
    running.wait()
    box.wait_for_no_processes()


# The tracker.


def test_peers_come_from_the_tracker_less_those_on_the_black_list(here, tracker, minions):
    for port in (7001, 7002, 7003):
        post(tracker, "name", port)
    m = minions("name", tracker=tracker.address)
    assert sorted(m.get_peers()) == [("127.0.0.1", port) for port in (7001, 7002, 7003)]
    m.add_to_blacklist(("127.0.0.1", 7001))
    m.add_to_blacklist(("127.0.0.1", 7002), 0.1)
    assert set(m.get_blacklist()) <= {("127.0.0.1", 7001), ("127.0.0.1", 7002)}
    assert ("127.0.0.1", 7001) not in m.get_peers()
    wait_until(lambda: m.get_blacklist() == [("127.0.0.1", 7001)], "the shorter time to pass")
    assert sorted(m.get_peers()) == [("127.0.0.1", 7002), ("127.0.0.1", 7003)]
    m.del_from_tracker("127.0.0.1", peer_port=7002)
    assert m.get_peers() == [("127.0.0.1", 7003)]


def test_strict_asks_for_peers_of_ones_own_site(here, tracker, source, minions):
    resource = source.add("/file.bin", Content(10))
    post(tracker, resource.url, 7001, site="NYC")
    post(tracker, resource.url, 7002, site="LON")
    m = minions(resource.url, "file.bin", tracker.address, strict="site")
    with pytest.raises(UnknowStrict):
        m.get_peers()
    m.set_adt_info({"site": "LON"})
    assert m.get_peers() == [("127.0.0.1", 7002)]
    m.set_adt_info({"site": "PAR"})
    with pytest.raises(NoPeersFound):
        m.download_res()
    with pytest.raises(UnknowStrict):
        minions(resource.url, "file.bin", tracker.address, strict="planet").download_res()


def test_a_tracker_that_talks_nonsense_is_unavailable(here, source, minions):
    source.add("/peer/", Content(10))
    with pytest.raises(TrackerUnavailable):
        minions("name", tracker=f"127.0.0.1:{source.port}").get_peers()


@pytest.mark.parametrize("tracker, url", [
    ("box", "http://box:8080"), ("box:90", "http://box:90"), ("[::1]", "http://[::1]:8080"), ("[::1]:90", "http://[::1]:90"),
    ("https://box/minion/", "https://box/minion"),
])
def test_trackers_are_named_as_for_the_command(tracker, url):
    assert old_tracker.base_url(tracker) == url
