"""What a node has of its fleet: settings, and what the doctor finds."""
import json
import socket
import time

from checks import MIB, assert_ok
from content import Content

TOKEN = "mnj_abcdefghijklmnopqrstuvwxyz_12345678"


def doctor(host, *arguments, env=None):
    outcome = host.run("doctor", "--json", "--cache-dir", str(host.files / "cache"), "--socket",
                       str(host.files / "node.sock"), *arguments, env=env)
    findings = [json.loads(line) for line in outcome.out.splitlines()]
    return outcome, findings


def of(findings, check):
    return [finding for finding in findings if finding["check"] == check]


def test_the_join_token_is_shown_to_nobody(host):
    outcome = host.run("peer", "--print-config", "--manager", "m", env={"MINION_JOIN_TOKEN": TOKEN})
    assert outcome.code == 0
    assert 'join-token = "***"' in outcome.out.decode() and TOKEN not in outcome.out.decode() + outcome.err
    outcome = host.run("peer", "--print-config", "--manager", "m")
    assert outcome.code == 2 and "join token" in outcome.err


def test_the_doctor_finds_a_tracker_that_answers(tracker, host):
    outcome, findings = doctor(host, "--tracker", tracker.address)
    assert outcome.code == 0, outcome.out
    assert of(findings, "tracker")[0]["status"] == "ok" and " ms" in of(findings, "tracker")[0]["message"]
    assert of(findings, "socket")[0]["status"] == "warn" and "minion peer" in of(findings, "socket")[0]["fix"]
    assert {"settings", "tracker", "socket", "port", "cache", "open files"} <= {f["check"] for f in findings}


def test_the_doctor_says_what_to_do_about_failures(host):
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        outcome, findings = doctor(host, "--tracker", "127.0.0.1:1", "--manager", "127.0.0.1:1", "--listen", f":{port}",
                                   env={"MINION_JOIN_TOKEN": TOKEN})
    assert outcome.code == 1
    for check in ["tracker", "manager", "port"]:
        finding = of(findings, check)[0]
        assert finding["status"] == "fail" and finding["fix"], finding
    assert TOKEN not in outcome.out.decode() + outcome.err


def test_the_doctor_tells_wrong_settings(host):
    outcome, findings = doctor(host, "--cache-size", "0")
    assert outcome.code == 1
    assert [f["status"] for f in findings] == ["fail"] and "--cache-size" in findings[0]["message"]
    text = host.run("doctor", "--cache-size", "0")
    assert text.code == 1 and text.out.startswith(b"fail  settings")


def test_a_manager_that_is_gone_is_done_without(source, host):
    resource = source.add("/file.bin", Content(MIB))
    started = time.monotonic()
    outcome = host.get(resource.url, "--manager", "127.0.0.1:1", "--join-token", TOKEN)
    assert_ok(outcome, host, "file.bin", resource.content)
    assert "manager" in outcome.err and "the source alone" in outcome.err
    assert time.monotonic() - started < 10
    outcome = host.get(resource.url, "-o", "again", "--no-source", "--manager", "127.0.0.1:1", "--join-token", TOKEN)
    assert outcome.code == 5 and "manager" in outcome.err
