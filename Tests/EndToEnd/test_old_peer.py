"""The query form of old Minion's clients: what they rely on, without what made the old server fail."""
import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from checks import MIB
from http_calls import ask
from nodes import SIZE, serve, stall
from waiting import wait_until


@pytest.fixture
def node(box, tracker, source):
    return serve(box, tracker, source, SIZE)


@pytest.fixture
def partial(box, tracker, source):
    return stall(box, tracker, source)


def test_old_unknown_resource(node):
    assert node.old(res="http://example.com/other").status == 404
    assert ask(node.address, "/").status in (400, 404)


def test_old_all_pieces(node):
    answer = node.old("&pieces=all")
    assert answer.status == 200
    assert answer.json == {"status": "normal", "result": [0, 1, 2, 3, 4, 5, 6, 7]}


@pytest.mark.parametrize("size, count", [(0, 0), (1, 1), (MIB - 1, 1), (MIB, 1), (MIB + 1, 2), (3 * MIB, 3)])
def test_old_count_of_pieces_has_no_phantom_at_the_end(box, tracker, source, size, count):
    node = serve(box, tracker, source, size)
    assert node.old("&pieces=all").json == {"status": "normal", "result": list(range(count))}
    answer = node.old(range=f"bytes={count * MIB}-{count * MIB + MIB - 1}")
    assert answer.status == 416, "a range past the end once kept the server busy for ever"
    assert node.old().body == node.content.bytes()


def test_old_pieces_by_number_are_strings_and_only_those_there(node):
    answer = node.old("&pieces=1,2,400").json
    assert answer == {"status": "normal", "result": ["1", "2"]}


@pytest.mark.parametrize("pieces", ["", "x", "-1", "1,,2", str(1 << 63), "1" * 5000])
def test_old_pieces_that_make_no_sense(node, pieces):
    answer = node.old(f"&pieces={pieces}")
    assert answer.status in (200, 400)
    assert node.old("&pieces=all").status == 200


@pytest.mark.parametrize("start, end", [(0, MIB), (0, 1), (3 * MIB, 4 * MIB), (MIB + 5, MIB + 10), (7 * MIB, SIZE)])
def test_old_range(node, start, end):
    range = f"bytes={start}-{end - 1}"
    answer = node.old(range=range)
    assert answer.status == 206
    assert answer.body == node.content.bytes(start, end)
    assert answer.headers["Content-Length"] == str(end - start)
    assert answer.headers["Content-Range"] == f"{range}/{SIZE}"
    assert answer.headers["Content-MD5"] == hashlib.md5(node.piece(start)).hexdigest()
    assert answer.headers["Last-Modified"]


def test_old_several_ranges_are_a_plain_concatenation_in_their_order(node):
    ranges = [(2 * MIB, 3 * MIB), (0, MIB), (7 * MIB, SIZE), (4 * MIB, 5 * MIB)]
    text = "bytes=" + ",".join(f"{start}-{end - 1}" for start, end in ranges)
    answer = node.old(range=text)
    assert answer.status == 206
    assert answer.body == b"".join(node.content.bytes(start, end) for start, end in ranges)
    assert answer.headers["Content-Length"] == str(sum(end - start for start, end in ranges))
    assert answer.headers["Content-Range"] == f"{text}/{SIZE}"
    assert answer.headers["Content-MD5"] == ",".join(
        hashlib.md5(node.piece(start)).hexdigest() for start, _ in ranges)


def test_old_size_probe(node):
    answer = node.old(range="bytes=0-0")
    assert answer.status == 206
    assert answer.headers["Content-Range"].rpartition("/")[2] == str(SIZE)


@pytest.mark.parametrize("range", [
    "bytes=5-", "bytes=-5", "bytes=", "bytes=9-3", f"bytes=0-{1 << 70}", "lines=0-1", f"bytes={1 << 70}-{1 << 71}",
    "bytes=" + ",".join(["0-0"] * 5000),
])
def test_old_ranges_that_once_failed(node, range):
    answer = node.old(range=range)
    assert answer.status in (200, 206, 400, 416)
    assert node.old(range="bytes=0-0").status == 206


def test_old_whole_file(node):
    answer = node.old()
    assert (answer.status, answer.headers["Content-Length"]) == (200, str(SIZE))
    assert answer.body == node.content.bytes()


def test_old_clients_are_not_given_holes(partial):
    """The old server sent holes of a file without ranges, and broke on a probe for a byte that it lacked."""
    assert partial.old(range=f"bytes={SIZE - 1}-{SIZE - 1}").status in (404, 416, 503)
    assert partial.old(range="bytes=0-0").status in (206, 404, 416, 503)
    answer = partial.old()
    assert answer.status in (404, 503) or answer.body == partial.content.bytes()
    pieces = partial.old("&pieces=all").json
    assert pieces["status"] == "normal" and 7 not in pieces["result"]


def test_old_overload_is_told(box, tracker, source):
    node = serve(box, tracker, source, 4 * MIB, "--upload-rate", "1M")

    def load():
        """Keeps the uplink busy and looks whether anybody is told."""
        with ThreadPoolExecutor(4) as pool:
            busy = [pool.submit(node.old, "", f"bytes={i * MIB}-{i * MIB + MIB - 1}") for i in range(4)]
            while not all(each.done() for each in busy):
                asked = node.old("&pieces=all")
                if asked.status == 200 and asked.json["status"] == "overload":
                    assert "result" not in asked.json
                    return True
            answers = [each.result() for each in busy]
        assert all(answer.status in (206, 503) for answer in answers)
        return any(answer.headers["Minions-Status"] == "overload" or answer.status == 503 for answer in answers)

    wait_until(load, "a sign of overload", 30)


def test_a_node_without_an_upload_rate_is_not_overloaded_by_one_client(node):
    assert node.old(range=f"bytes=0-{MIB - 1}").headers["Minions-Status"] is None
