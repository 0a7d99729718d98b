"""Nonsense sent to a tracker: refused, soon, and the tracker lives on."""
import json
import socket

import pytest

from checks import MIB, peak_memory
from http_calls import stream_body
from protocol import introduction, report, task_id

PEER = "0123456789abcdef"
TASK = task_id("http://x/")


def post(tracker, target, text, **headers):
    return tracker.ask(target, "POST", text if isinstance(text, bytes) else text.encode(),
                       headers={"Content-Type": "application/json", **headers})


@pytest.mark.parametrize("text", [
    "", "null", "[]", "{", '"text"', "[" * 200_000, '{"secret": 5}', '{"have": "zz"}',
    '{"returned": [9223372036854775808]}', '{"returned": [-1]}', '{"fetched": [{"p": 1e30, "h": "x", "s": ""}]}',
])
def test_a_report_that_makes_no_sense(tracker, text):
    answer = post(tracker, f"/v1/tasks/{TASK}/peers/{PEER}", text)
    assert 400 <= answer.status < 500
    assert answer.json["error"]
    assert tracker.ask("/healthz").status == 200


@pytest.mark.parametrize("changes", [
    {"returned": [1 << 62, -(1 << 62)]}, {"have": "ff" * 1000}, {"uplink": -1e300}, {"waitSeconds": 1e300},
    {"waitSeconds": -1}, {"wantsNeighbours": 1 << 62}, {"wantsNeighbours": -5}, {"dropped": ["f" * 16] * 10_000},
    {"version": {"validator": "x", "size": -1, "pieceSize": 0, "hasRanges": True, "freshSeconds": -1e300}},
    {"version": {"validator": "x", "size": (1 << 63) - 1, "pieceSize": 1, "hasRanges": True, "freshSeconds": 1}},
    {"stat": {"version": {"_0": {"validator": "x", "size": (1 << 63) - 1, "pieceSize": 1 << 62, "hasRanges": True,
                                 "freshSeconds": 1e300}}}},
    {"fetched": [{"p": 1 << 62, "h": "0" * 64, "s": ""}]},
])
def test_a_report_of_the_right_form_that_makes_no_sense(tracker, changes):
    """It may be answered or refused, but soon, and the tracker lives on."""
    text = report(introduction=introduction("127.0.0.1:9", "http://x/", "s", canFetch=True), secret="s", **changes)
    answer = post(tracker, f"/v1/tasks/{TASK}/peers/{PEER}", json.dumps(text))
    assert answer.status < 500
    assert tracker.ask("/healthz").status == 200


@pytest.mark.parametrize("target", [
    "/v1/tasks/short/peers/" + PEER, f"/v1/tasks/{'G' * 64}/peers/{PEER}", "/v1/tasks/{task}/peers/xyz",
    "/v1/tasks/..%2f..%2fetc/peers/" + PEER, "/v1/tasks/{task}/peers/..%2f..", "/v1/tasks/../../etc/passwd",
])
def test_names_that_are_none(tracker, target):
    answer = post(tracker, target.format(task=TASK), json.dumps(report()))
    assert 400 <= answer.status < 500
    assert tracker.ask("/healthz").status == 200


def test_a_message_of_a_gigabyte_is_refused_unread(box, tracker):
    sent = stream_body((tracker.host, tracker.port), f"/v1/tasks/{TASK}/peers/{PEER}")
    assert sent < 64 * MIB
    assert tracker.ask("/healthz").status == 200
    assert peak_memory(tracker.process.pid) < 256 * MIB


@pytest.mark.parametrize("text", [
    b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * (2 << 20), b"\x16\x03\x01\x02\x00" * 1000, b"GET " + b"/" * (1 << 20),
    b"\r\n" * 100_000, b"POST /peer/ HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    b"POST /peer/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
])
def test_what_is_no_http(tracker, text):
    with socket.create_connection((tracker.host, tracker.port), timeout=5) as connection:
        try:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except OSError:
            pass
    assert tracker.ask("/healthz").status == 200
