"""The servers of a benchmark: nginx as the source, `minion serve` as the tracker, `minion peer` as the host's node."""
from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, List, Sequence

from .processes import Processes, Run, descendants

BLOCK = 4 << 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Source:
    """An nginx of our own, which notes what it sends."""

    def __init__(
        self, processes: Processes, host: str = "127.0.0.1", port: int = 0, inside: Sequence[str] = (),
        fresh_seconds: int = 0, connection_rate: int = 0,
    ):
        """`inside`: words before the command, which run it somewhere else. `fresh_seconds`: for how long nobody has to ask
        again; 0: the source says nothing of it. `connection_rate`: bytes a second that each connection carries; 0: all it
        can. Then what has been sent has also arrived, but for a little."""
        self._fresh = f"expires {fresh_seconds}s;" if fresh_seconds else ""
        self._rate = f"limit_rate {connection_rate};" if connection_rate else ""
        self._buffer = "sndbuf=64k" if connection_rate else ""
        self._folder = processes.folder / "source"
        self.files = self._folder / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        self._address = f"{host}:{port or free_port()}"
        self._pid = self._folder / "nginx.pid"
        self._pid.unlink(missing_ok=True)
        configuration = self._folder / "nginx.conf"
        configuration.write_text(self._configuration())
        command = [*inside, "nginx", "-p", self._folder, "-c", configuration]
        child = processes.start(command, "nginx.log")
        # nginx writes it when it listens.
        processes.wait_for(self._pid.exists, child, "nginx.log")
        self._child = child

    def _configuration(self) -> str:
        folder = self._folder
        # A worker of root's nginx would otherwise be somebody who may not look into our folder.
        user = "user root;" if os.geteuid() == 0 else ""
        temporary = " ".join(
            f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""
            {user} daemon off; worker_processes 1; pid {self._pid}; error_log stderr;
            events {{ worker_connections 4096; }}
            http {{
                {temporary}
                log_format sent '$uri $body_bytes_sent';
                access_log {folder}/sent.log sent;
                sendfile on;
                keepalive_requests 1000000;
                server {{ listen {self._address} {self._buffer}; root {self.files}; {self._fresh} {self._rate} }}
            }}
        """

    def url(self, name: str) -> str:
        return f"http://{self._address}/{name}"

    def sent(self, name: str) -> int:
        """Bytes of a file that have been sent, by the log, which nginx writes when an answer has ended."""
        time.sleep(0.1)
        lines = (self._folder / "sent.log").read_text().splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(f"/{name} "))

    def requests(self, name: str) -> int:
        """How often a file has been asked for, by the same log."""
        time.sleep(0.1)
        return sum(line.startswith(f"/{name} ") for line in (self._folder / "sent.log").read_text().splitlines())

    @property
    def pids(self) -> List[int]:
        """The master and its workers, as far as they come from one that was started directly."""
        found = descendants()
        workers = Path(f"/proc/{self._child.pid}/task/{self._child.pid}/children")
        return [self._child.pid] + [pid for pid in map(int, workers.read_text().split()) if pid in found]


class Tracker:
    """`minion serve`."""

    def __init__(
        self, processes: Processes, minion: Path, host: str = "127.0.0.1", port: int = 0, inside: Sequence[str] = ()
    ):
        self.address = f"{host}:{port or free_port()}"
        log = processes.folder / "serve.log"
        log.unlink(missing_ok=True)
        command = [*inside, minion, "serve", "--listen", self.address, "--data-dir", processes.folder / "tracker"]
        child: subprocess.Popen[bytes] = processes.start([*command, "--log-level", "error"], "serve.log")
        # It greets when it listens.
        processes.wait_for(lambda: self.address in log.read_text(errors="replace"), child, "serve.log")


class HostNode:
    """`minion peer`, and `minion get` through it. It has a cache that lasts as long as the benchmark."""

    def __init__(self, processes: Processes, minion: Path):
        self._processes = processes
        self._minion = minion
        self._socket = processes.folder / "node" / "socket"
        self.start()
        processes.variables["MINION_SOCKET"] = str(self._socket)

    def start(self) -> None:
        log = self._processes.folder / "peer.log"
        log.unlink(missing_ok=True)
        child = self._processes.start(
            [self._minion, "peer", "--socket", self._socket, "--cache-dir", self._processes.folder / "cache",
             "--cache-size", "1T", "--listen", "127.0.0.1:0", "--log-level", "error"], "peer.log")
        # It greets when it can be used.
        self._processes.wait_for(lambda: "serves on" in log.read_text(errors="replace"), child, "peer.log")
        self._child: subprocess.Popen[bytes] = child

    def kill(self) -> None:
        self._child.kill()
        self._child.wait()

    @property
    def pid(self) -> int:
        return self._child.pid

    def command(self, url: str, output: Path, *arguments: Any) -> List[Any]:
        return [self._minion, "get", url, "-o", output, "--quiet", *arguments]

    def get(self, url: str, output: Path, *arguments: Any) -> Run:
        return self._processes.run(self.command(url, output, *arguments), "get.log")


def random_file(path: Path, size: int) -> str:
    """Makes a file of random bytes; returns its SHA-256."""
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        while file.tell() < size:
            block = os.urandom(min(BLOCK, size - file.tell()))
            file.write(block)
            digest.update(block)
    return digest.hexdigest()


def sparse_file(path: Path, size: int) -> None:
    """Makes a file of zeros that takes no room."""
    with open(path, "wb") as file:
        file.truncate(size)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file; empty if there is none."""
    if not path.exists():
        return ""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
