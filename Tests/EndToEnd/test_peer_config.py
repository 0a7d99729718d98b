"""Settings of the host's node: where they come from, what is wrong with them, how they change; and what is installed."""
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from checks import MIB, assert_ok, assert_refused
from content import Content
from processes import STOPPING
from waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[2]


def settings(outcome):
    """What `--print-config` prints: each setting's value and origin."""
    assert outcome.code == 0, outcome.err
    found = {}
    for line in outcome.out.decode().splitlines():
        text, _, origin = line.rpartition("  # ")
        text = text.strip()
        if text.startswith("# "):
            found[text[2:].split()[0]] = (None, origin)
        else:
            name, _, value = text.partition(" = ")
            found[name] = (value, origin)
    return found


def test_every_value_tells_where_it_is_from(host):
    file = host.root / "peer.toml"
    file.write_text('# mine\ncache-size = "1G"\nupload-rate = "1M"\nsite = "file"\n')
    outcome = host.run(
        "peer", "--config", file, "--print-config", "--cache-size", "3G", "--tracker", "a", "--tracker", "b:1",
        env={"MINION_CACHE_SIZE": "2G", "MINION_UPLOAD_RATE": "2M", "MINION_TRACKER": "c"})
    found = settings(outcome)
    assert found["cache-size"] == ('"3G"', "--cache-size")
    assert found["upload-rate"] == ('"2M"', "environment MINION_UPLOAD_RATE")
    assert found["site"] == ('"file"', f"{file}:4")
    assert found["tracker"] == ('["http://a:8080", "http://b:1"]', "--tracker")
    assert found["upload-slots"] == ("8", "default")
    assert found["download-rate"] == (None, "default")
    assert not (host.root / "cache").exists(), "it only prints"


def test_what_is_printed_is_a_settings_file(host):
    first = host.run("peer", "--print-config", "--site", 'a "b"', "--seed", "--cache-age", "30d")
    file = host.root / "again.toml"
    file.write_bytes(first.out)
    second = host.run("peer", "--print-config", "--config", file)
    assert {name: value for name, (value, _) in settings(first).items()} == {
        name: value for name, (value, _) in settings(second).items()}


@pytest.mark.parametrize("text, words", [
    ("cache-sise = 1", [":1:", "cache-sise", "did you mean cache-size?"]),
    ("\n\nTracker = []", [":3:", "did you mean tracker?"]),
    ("flux = 1", [":1:", "flux"]),
    ("cache-size = lots", [":1:", "quotes"]),
    ('upload-rate = "fast"', [":1:", "upload-rate", "fast"]),
    ("[peer]", [":1:", "tables"]),
    ("seed = true\nseed = true", [":2:", "line 1"]),
    ("\xff\xfe", ["UTF-8"]),
])
def test_a_settings_file_with_mistakes_is_refused(host, text, words):
    file = host.root / "peer.toml"
    file.write_bytes(text.encode("latin-1"))
    assert_refused(host.run("peer", "--config", file), 2, str(file), *words)


@pytest.mark.parametrize("arguments, words", [
    (["--cache-size", "0"], ["--cache-size"]), (["--cache-size", "200%"], ["--cache-size", "25%"]),
    (["--upload-slots", "many"], ["--upload-slots"]), (["--config", "none.toml"], ["none.toml"]),
    (["--tracker", "a b"], ["--tracker", "a b"]), (["--listen", "x:y"], ["--listen"]),
    (["--seed", "--no-upload"], ["seed"]), (["--no-source"], ["--no-source", "tracker"]),
    (["--cache-sise", "1G"], ["--cache-sise"]), (["--location", "x" * 300], ["--location", "256"]),
])
def test_flags_with_mistakes_are_refused(host, arguments, words):
    assert_refused(host.run("peer", *arguments, seconds=20), 2, *words)


def test_limits_change_without_a_restart(box, tracker, source, host):
    file = host.root / "peer.toml"
    file.write_text('download-rate = "256K"\n')
    peer = box.peer(host, "--config", file, tracker=tracker)
    resource = source.add("/file.bin", Content(24 * MIB))
    running = host.start_get(resource.url)
    resource.wait_sent(MIB // 2)
    file.write_text('download-rate = "1G"\nsite = "elsewhere"\n')
    peer.reload()
    # At the old rate it would take a minute and a half.
    assert_ok(running.wait(30), host, "file.bin", resource.content)
    assert "site" in peer.log, "what needs a restart is told"


def test_settings_that_are_wrong_when_read_again_change_nothing(box, host, source):
    file = host.root / "peer.toml"
    file.write_text('upload-slots = 4\n')
    peer = box.peer(host, "--config", file)
    file.write_text('upload-slots = -4\n')
    peer.reload()
    assert "peer.toml:1" in peer.log
    resource = source.add("/file.bin", Content(1000))
    assert_ok(host.get(resource.url), host, "file.bin", resource.content)


def test_systemd_is_told(box, host):
    """Ready, reloading, alive, stopping: in this order."""
    path = host.root / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(20)
        peer = box.peer(host, env={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "200000"})
        seen = [manager.recv(4096).decode() for _ in range(3)]
        assert seen[0].startswith("READY=1\nSTATUS=") and "WATCHDOG=1" in seen
        peer.process.send_signal(signal.SIGHUP)
        while not seen[-1].startswith("RELOADING=1\nMONOTONIC_USEC="):
            seen.append(manager.recv(4096).decode())
        while not seen[-1].startswith("READY=1"):
            seen.append(manager.recv(4096).decode())
        assert peer.stop() == 0
        while seen[-1] != "STOPPING=1":
            seen.append(manager.recv(4096).decode())


# What is installed.


def test_the_example_has_every_setting_and_says_the_defaults(host):
    example = REPOSITORY / "packaging/peer.toml"
    plain = settings(host.run("peer", "--config", example, "--print-config"))
    file = host.root / "all.toml"
    # A line of code in a comment begins with a name and an equals sign.
    lines = [line[2:] if line.startswith("# ") and " = " in line else line for line in example.read_text().splitlines()]
    file.write_text("\n".join(lines) + "\n")
    every = settings(host.run("peer", "--config", file, "--print-config"))
    assert all(origin.startswith(str(file)) for _, origin in every.values()), every
    for name in ("cache-size", "seed", "upload", "source", "upload-slots", "concurrent-pieces", "log-level"):
        assert every[name][0] == plain[name][0], name


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze")
def test_systemd_understands_the_unit(box, tmp_path):
    unit = (REPOSITORY / "packaging/systemd/minion-peer.service").read_text()
    assert "ExecStart=/usr/local/bin/minion peer\n" in unit
    path = tmp_path / "minion-peer.service"
    path.write_text(unit.replace("/usr/local/bin/minion", box.minion))
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True, timeout=60)
    complaints = [line for line in result.stderr.splitlines() if "minion-peer" in line]
    assert complaints == []


def test_the_unit_names_what_there_is(host):
    unit = (REPOSITORY / "packaging/systemd/minion-peer.service").read_text()
    environment = {}
    for line in unit.splitlines():
        if line.startswith("Environment="):
            name, _, value = line[len("Environment="):].partition("=")
            environment[name] = value.replace("%t", "/run").replace("%C", "/var/cache")
    found = settings(host.run("peer", "--print-config", env=environment))
    assert found["socket"] == ('"/run/minion/node.sock"', "environment MINION_SOCKET")
    assert found["cache-dir"] == ('"/var/cache/minion"', "environment MINION_CACHE_DIR")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_their_completions(host, shell):
    outcome = host.run("completions", shell)
    assert outcome.code == 0 and not outcome.err
    text = outcome.out.decode()
    assert "peer" in text and "cache-size" in text
    if shutil.which(shell):
        script = host.root / "script"
        script.write_text(text)
        assert subprocess.run([shell, "-n", str(script)], capture_output=True, timeout=60).returncode == 0


def test_an_unknown_shell_is_refused(host):
    assert_refused(host.run("completions", "cmd"), 2, "cmd", "fish")


def test_the_manual_page_names_every_command(host):
    outcome = host.run("manual")
    text = outcome.out.decode().replace("\\-", "-")
    assert outcome.code == 0
    for command in ("get", "share", "serve", "peer", "cache ls", "cache rm", "peers", "completions"):
        assert f".SS minion {command}\n" in text
    assert "--cache-size" in text and "--hard-link" in text


@pytest.mark.skipif(not shutil.which("groff"), reason="no groff")
def test_the_manual_page_has_no_mistakes(host):
    page = host.run("manual").out
    result = subprocess.run(
        ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-rCHECKSTYLE=2"], input=page, capture_output=True, timeout=60,
        env={**os.environ, "LC_ALL": "C.UTF-8"})
    assert result.returncode == 0 and result.stderr == b"", result.stderr.decode()
    assert b"minion" in result.stdout
