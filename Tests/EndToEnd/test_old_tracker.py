"""Old Minion's tracker calls, from a plain HTTP client: what its clients rely on, without what made it fail."""
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlencode

import pytest

from checks import MIB, assert_ok
from content import Content
from http_calls import ask, stream_body
from waiting import wait_until

RESOURCE = "http://example.com/some/file.tar?x=1&y=ä b"


def target(**query):
    return "/peer/?" + urlencode(query, quote_via=quote)


def post(tracker, ip="127.0.0.1", port=7000, res=RESOURCE, **more):
    return post_text(tracker, json.dumps({"ip": ip, "port": port, "res": res, **more}))


def post_text(tracker, text, **options):
    return tracker.ask("/peer/", "POST", text.encode(), headers={"Content-Type": "application/json; charset=utf-8"},
                       **options)


def delete(tracker, ip="127.0.0.1", port=7000, res=RESOURCE, **options):
    return tracker.ask(target(res=res, ip=ip, port=port), "DELETE", **options)


def fill(tracker, count):
    for port in range(7000, 7000 + count):
        assert post(tracker, port=port).status == 200


def pairs(peers):
    return sorted((peer[0], peer[1]) for peer in peers)


# The four calls.


def test_get_of_an_unknown_resource_is_a_success_without_peers(tracker):
    answer = tracker.ask(target(res=RESOURCE))
    assert (answer.status, answer.json) == (200, {RESOURCE: [], "ret": "success"})
    assert answer.headers["Content-Type"].startswith("application/json")


def test_post_is_answered_with_success(tracker):
    answer = post(tracker)
    assert (answer.status, answer.json) == (200, {"ret": "success"})


def test_get_gives_what_was_posted(tracker):
    post(tracker, port=7001)
    answer = tracker.ask(target(res=RESOURCE))
    assert answer.json == {RESOURCE: [["127.0.0.1", 7001]], "ret": "success"}


def test_delete_takes_a_peer_away(tracker):
    fill(tracker, 2)
    answer = delete(tracker, port=7000)
    assert (answer.status, answer.json) == (200, {"ret": "success"})
    assert tracker.peers(RESOURCE) == [["127.0.0.1", 7001]]


def test_delete_of_nothing_is_a_success(tracker):
    answer = delete(tracker)
    assert (answer.status, answer.json) == (200, {"ret": "success"})


def test_res_lists_all_resources(tracker):
    assert tracker.ask("/res/").json == {"resources": [], "ret": "success"}
    for res in ("http://a/1", "http://b/2", RESOURCE):
        post(tracker, res=res)
        post(tracker, res=res, port=7001)
    answer = tracker.ask("/res/")
    assert answer.status == 200 and answer.json["ret"] == "success"
    assert sorted(answer.json["resources"]) == sorted(["http://a/1", "http://b/2", RESOURCE])


def test_peers_of_one_resource_are_not_those_of_another(tracker):
    post(tracker, res="http://a/1", port=7001)
    post(tracker, res="http://a/2", port=7002)
    assert tracker.peers("http://a/1") == [["127.0.0.1", 7001]]


def test_an_address_of_another_machine_is_listed_as_posted(tracker):
    post(tracker, ip="10.1.2.3", port=65535)
    assert tracker.peers(RESOURCE) == [["10.1.2.3", 65535]]


# num.


def test_forty_peers_are_given_by_default(tracker):
    fill(tracker, 60)
    assert len(tracker.peers(RESOURCE)) == 40


@pytest.mark.parametrize("num, given", [(0, 0), (1, 1), (5, 5), (60, 60), (1000, 60), (10**30, 60)])
def test_num_bounds_the_peers_given(tracker, num, given):
    fill(tracker, 60)
    peers = tracker.peers(RESOURCE, num=num)
    assert len(peers) == given == len(set(map(tuple, peers)))


def test_the_sample_is_random(tracker):
    fill(tracker, 60)
    samples = [tuple(pairs(tracker.peers(RESOURCE, num=10))) for _ in range(12)]
    assert len(set(samples)) > 1
    assert len({pair for sample in samples for pair in sample}) > 20


def test_fewer_peers_come_in_random_order(tracker):
    fill(tracker, 20)
    answers = [[tuple(peer) for peer in tracker.peers(RESOURCE)] for _ in range(6)]
    assert len(set(map(tuple, answers))) > 1
    assert len({tuple(sorted(answer)) for answer in answers}) == 1


@pytest.mark.parametrize("num", ["-1", "x", "1.5", ""])
def test_a_num_that_makes_no_sense_is_the_clients_fault(tracker, num):
    post(tracker)
    answer = tracker.ask(target(res=RESOURCE, num=num))
    assert 400 <= answer.status < 500 or (num == "" and answer.status == 200)


# verbose, site, strict.


@pytest.mark.parametrize("verbose", ["1", "true", "0", "no"])
def test_any_verbose_shows_sites_and_leaves_peers_without_one_pairs(tracker, verbose):
    post(tracker, port=7001, adt_info={"site": "NYC", "hostname": "ignored"})
    post(tracker, port=7002)
    peers = {peer[1]: peer for peer in tracker.peers(RESOURCE, verbose=verbose)}
    assert peers == {7001: ["127.0.0.1", 7001, {"site": "NYC"}], 7002: ["127.0.0.1", 7002]}


@pytest.mark.parametrize("query", [{}, {"verbose": ""}])
def test_without_verbose_all_peers_are_pairs(tracker, query):
    post(tracker, adt_info={"site": "NYC"})
    assert tracker.peers(RESOURCE, **query) == [["127.0.0.1", 7000]]


def test_strict_site_in_the_body_of_the_get(tracker):
    post(tracker, port=7001, adt_info={"site": "NYC"})
    post(tracker, port=7002, adt_info={"site": "LON"})
    post(tracker, port=7003)
    body = json.dumps({"adt_info": {"site": "NYC"}}).encode()
    answer = tracker.ask(target(res=RESOURCE, strict="site"), body=body, headers={"Content-Type": "application/json"})
    assert answer.json == {RESOURCE: [["127.0.0.1", 7001]], "ret": "success"}


def test_strict_site_in_the_query_for_those_behind_a_proxy(tracker):
    post(tracker, port=7001, adt_info={"site": "NYC"})
    post(tracker, port=7002, adt_info={"site": "LON"})
    assert tracker.peers(RESOURCE, strict="site", site="LON") == [["127.0.0.1", 7002]]


def test_another_strict_is_ignored_as_ever(tracker):
    post(tracker, port=7001, adt_info={"site": "NYC"})
    assert tracker.peers(RESOURCE, strict="planet") == [["127.0.0.1", 7001]]


def test_a_site_is_kept_from_the_first_post(tracker):
    post(tracker, adt_info={"site": "NYC"})
    post(tracker, adt_info={"site": "LON"})
    assert tracker.peers(RESOURCE, verbose=1) == [["127.0.0.1", 7000, {"site": "NYC"}]]


def test_posting_twice_lists_a_peer_once(tracker):
    for _ in range(3):
        assert post(tracker).json == {"ret": "success"}
    assert tracker.peers(RESOURCE) == [["127.0.0.1", 7000]]


def test_posting_at_the_same_time_lists_a_peer_once(tracker):
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: post(tracker).status, range(64)))
    assert set(answers) == {200}
    assert tracker.peers(RESOURCE) == [["127.0.0.1", 7000]]


# Names.


@pytest.mark.parametrize("res", [
    "plain", "http://x/a%2fb", "http://x/a/../../etc/passwd", "..", "%2e%2e%2f", "http://x/?a=1&b=2#c", "ünïcödé 漢字 🎉",
    'quotes " and \\ backslash', "http://x/" + "a" * 2000, "with\nnewline", " ",
])
def test_names_are_taken_as_they_are(tracker, res):
    assert post(tracker, res=res).json == {"ret": "success"}
    assert tracker.peers(res) == [["127.0.0.1", 7000]]
    assert tracker.ask("/res/").json["resources"] == [res]


def test_a_resource_named_like_the_status_is_refused(tracker):
    """`ret` would collide with the status in the answer."""
    assert 400 <= post(tracker, res="ret").status < 500
    assert 400 <= tracker.ask(target(res="ret")).status < 500
    assert tracker.ask("/res/").json == {"resources": [], "ret": "success"}


# What made the old one fail.


def test_get_without_res_is_the_clients_fault(tracker):
    answer = tracker.ask("/peer/")
    assert 400 <= answer.status < 500
    assert b"res" in answer.body


@pytest.mark.parametrize("text", [
    "", "{", "null", "[]", '"x"', "{}", '{"ip": "127.0.0.1", "port": 7000}', '{"ip": "127.0.0.1", "res": "x"}',
    '{"port": 7000, "res": "x"}', '{"ip": "127.0.0.1", "port": "x", "res": "x"}',
    '{"ip": "127.0.0.1", "port": 70000, "res": "x"}', '{"ip": "127.0.0.1", "port": -1, "res": "x"}',
    '{"ip": "127.0.0.1", "port": 0, "res": "x"}', '{"ip": "127.0.0.1", "port": 9223372036854775808, "res": "x"}',
    '{"ip": "not an address", "port": 7000, "res": "x"}', '{"ip": "256.1.1.1", "port": 7000, "res": "x"}',
    '{"ip": 5, "port": 7000, "res": "x"}', '{"ip": "127.0.0.1", "port": 7000, "res": ["x"]}',
    '{"ip": "127.0.0.1", "port": 7000, "res": ""}', '{"ip": "127.0.0.1", "port": 7000, "res": "x", "adt_info": 5}',
])
def test_a_post_that_makes_no_sense_is_the_clients_fault(tracker, text):
    answer = post_text(tracker, text)
    assert 400 <= answer.status < 500
    assert answer.body
    assert tracker.ask("/res/").json == {"resources": [], "ret": "success"}


@pytest.mark.parametrize("query", [{}, {"res": "x"}, {"res": "x", "ip": "127.0.0.1"},
                                   {"res": "x", "ip": "127.0.0.1", "port": "y"}])
def test_a_delete_that_makes_no_sense_is_the_clients_fault(tracker, query):
    assert 400 <= tracker.ask(target(**query), "DELETE").status < 500


@pytest.mark.parametrize("method, path", [("PUT", "/peer/"), ("POST", "/res/"), ("DELETE", "/res/"), ("GET", "/none/")])
def test_other_calls_are_refused(box, method, path):
    # Where there is a manager, too, what is nobody's leads to its pages.
    tracker = box.tracker("--roles", "scheduler")
    assert tracker.ask(path, method).status in (404, 405)


def test_a_post_of_a_gigabyte_is_refused_unread(tracker):
    assert stream_body((tracker.host, tracker.port), "/peer/") < 64 * MIB
    assert tracker.ask("/res/").status == 200


def test_a_stranger_cannot_take_a_peer_away(tracker):
    """The old tracker let anybody remove anybody; only the address that a peer was posted from may now."""
    post(tracker, port=7000)
    answer = delete(tracker, port=7000, source_address=("127.0.0.9", 0))
    assert answer.status < 500
    assert tracker.peers(RESOURCE) == [["127.0.0.1", 7000]]


def test_old_calls_cannot_take_a_node_out_of_its_swarm(box, tracker, source):
    resource = source.add("/file.bin", Content(MIB))
    assert box.host("a").get(resource.url, tracker=tracker, upload_time=300).code == 0
    ip, port = tracker.node_address(resource.url)
    assert delete(tracker, ip, port, resource.url).status < 500
    before = resource.sent
    outcome = box.host("b").get(resource.url, "--no-fallback", tracker=tracker)
    assert_ok(outcome, box.host("b"), "file.bin", resource.content)
    assert resource.sent == before


# Old and new together.


def test_a_node_is_listed_for_old_clients(box, tracker, source, host):
    resource = source.add("/file.bin", Content(MIB))
    assert host.get(resource.url, tracker=tracker, upload_time=300).code == 0
    ip, port = tracker.node_address(resource.url)
    assert resource.url in tracker.ask("/res/").json["resources"]
    answer = ask((ip, port), "/?pieces=all&res_url=" + quote(resource.url, safe=""))
    assert answer.json == {"status": "normal", "result": [0]}


def test_a_node_that_leaves_is_listed_no_longer(box, tracker, source, host):
    resource = source.add("/file.bin", Content(MIB))
    assert host.get(resource.url, tracker=tracker, upload_time=300).code == 0
    tracker.node_address(resource.url)
    box.stop_nodes()
    wait_until(lambda: not tracker.peers(resource.url), "the node to be forgotten", 10)


def test_many_resources_and_peers_are_kept_apart(tracker):
    chance = random.Random(7)
    rows = {(f"http://x/{chance.randrange(30)}", 7000 + chance.randrange(500)) for _ in range(600)}
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda row: post(tracker, res=row[0], port=row[1]).status, rows)) == {200}
    for res in {row[0] for row in rows}:
        expected = sorted(("127.0.0.1", port) for name, port in rows if name == res)
        assert pairs(tracker.peers(res, num=1000)) == expected


@pytest.mark.slow
def test_peers_that_are_silent_for_three_minutes_are_forgotten_and_others_are_not(tracker):
    post(tracker, port=7001)
    post(tracker, port=7002)
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 100, "100 s to pass", 120)
    post(tracker, port=7002)
    wait_until(lambda: time.monotonic() - began > 170, "170 s to pass", 120)
    assert pairs(tracker.peers(RESOURCE)) == [("127.0.0.1", 7001), ("127.0.0.1", 7002)]
    wait_until(lambda: pairs(tracker.peers(RESOURCE)) == [("127.0.0.1", 7002)], "the silent peer to be forgotten", 30)
