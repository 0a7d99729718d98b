"""Runs the `minion` binary as users do, with folders of its own for each test, and finds what it leaves behind."""
from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Union
from urllib.parse import quote, urlencode

from http_calls import Answer, ask
from rogue_peer import RoguePeer
from rogue_tracker import RogueTracker
from source_server import Source
from waiting import PATIENCE, wait_until

#: Seconds within which a process that was told to stop, or has nothing left to do, must be gone.
STOPPING = 15.0


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@dataclass
class Outcome:
    """What a finished command left."""

    code: int
    out: bytes
    err: str
    seconds: float

    @property
    def lines(self) -> List[str]:
        return [line for line in self.err.splitlines() if line.strip()]


class Running:
    """A started command. Its output goes to files, so that a node which inherited it holds nothing up."""

    def __init__(self, box: "Box", host: "Host", command: Sequence[str], env: Dict[str, str], **options: Any):
        self._out = host.root / f"out-{uuid.uuid4().hex[:8]}"
        self._err = host.root / f"err-{uuid.uuid4().hex[:8]}"
        self._started = time.monotonic()
        self._box = box
        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            self.process = subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=host.files, env=env,
                start_new_session=True, **options)

    @property
    def err(self) -> str:
        return self._err.read_text(errors="replace")

    @property
    def out(self) -> bytes:
        return self._out.read_bytes()

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def send(self, number: int) -> None:
        """Signals the command's process group, as a terminal does."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def wait(self, seconds: float = PATIENCE) -> Outcome:
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            self.process.wait()
            raise AssertionError(f"still running after {seconds:.0f} s: {self.process.args}\n{self.err}") from None
        outcome = Outcome(code, self.out, self.err, time.monotonic() - self._started)
        crashed = code < 0 and -code in (signal.SIGILL, signal.SIGTRAP, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS)
        assert not crashed and "Fatal error" not in outcome.err, f"crashed with {code}: {outcome.err}"
        return outcome


class Host:
    """A machine of its own as far as `minion` can see: home, temporary and runtime folders, and one for the results."""

    def __init__(self, box: "Box", name: str):
        self.box = box
        self.root = box.root / name
        self.files = self.root / "files"
        #: Where the node of this host listens, if `Box.peer` started one.
        self.socket: Optional[Path] = None
        for folder in (self.files, self.root / "home", self.root / "tmp", self.root / "run"):
            folder.mkdir(parents=True)
            folder.chmod(0o700)

    @property
    def env(self) -> Dict[str, str]:
        folders = {"HOME": "home", "TMPDIR": "tmp", "XDG_RUNTIME_DIR": "run"}
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
        node = {"MINION_SOCKET": str(self.socket)} if self.socket else {}
        return {
            **kept, **{name: str(self.root / folder) for name, folder in folders.items()},
            "MINION_TEST_BOX": self.box.mark, "TERM": "xterm", **node,
        }

    def start(self, *arguments: object, env: Optional[Dict[str, str]] = None, **options: Any) -> Running:
        command = [self.box.minion, *map(str, arguments)]
        running = Running(self.box, self, command, {**self.env, **(env or {})}, **options)
        self.box.started.append(running)
        return running

    def run(self, *arguments: object, seconds: float = PATIENCE, **options: Any) -> Outcome:
        return self.start(*arguments, **options).wait(seconds)

    def start_get(
        self, url: str, *arguments: object, tracker: Union["TrackerProcess", RogueTracker, str, None] = None,
        upload_time: Optional[float] = 0, **options: Any,
    ) -> Running:
        """`get` with the result in `files`; a node with upload time left is stopped when the test ends."""
        command: List[object] = ["get", url, *arguments]
        if tracker is not None:
            command += ["--tracker", tracker if isinstance(tracker, str) else tracker.address]
        if upload_time is not None:
            command += ["--upload-time", upload_time]
            self.box.has_lingering_nodes = self.box.has_lingering_nodes or upload_time > 0
        return self.start(*command, **options)

    def get(self, url: str, *arguments: object, seconds: float = PATIENCE, **options: Any) -> Outcome:
        return self.start_get(url, *arguments, **options).wait(seconds)

    def shell(self, script: str, seconds: float = PATIENCE) -> Outcome:
        """Runs a bash script in `files`, in which `$MINION` is the binary."""
        running = Running(self.box, self, ["bash", "-c", script], {**self.env, "MINION": self.box.minion})
        self.box.started.append(running)
        return running.wait(seconds)

    def listing(self) -> List[str]:
        """Names in the results' folder, hidden ones too."""
        return sorted(os.listdir(self.files))

    def wait_written(self, count: int, seconds: float = PATIENCE) -> None:
        """Until `count` bytes of data are on this host's disk, under whatever name."""
        def written() -> int:
            total = 0
            for path in self.root.rglob("*"):
                try:
                    total += path.stat().st_blocks * 512 if path.is_file() else 0
                except OSError:
                    continue  # renamed or removed while we looked
            return total

        wait_until(lambda: written() >= count, f"{count} bytes on the disk of {self.root.name}", seconds)

    def read(self, name: str) -> bytes:
        return (self.files / name).read_bytes()


class TrackerProcess:
    """`minion serve` on a free port, ready when the constructor returns."""

    def __init__(self, box: "Box", name: str, host: str, arguments: Sequence[object]):
        self.host = host
        self._box = box
        self._name = name
        self._arguments = arguments
        self._log = box.root / f"{name}.log"
        self.data = box.root / f"{name}-data"
        for attempt in range(5):
            self.port = free_port(host)
            if self._start():
                return
        raise AssertionError(f"minion serve does not start:\n{self.log}")

    def _start(self) -> bool:
        env = {**self._box.host(f"{self._name}-{uuid.uuid4().hex[:6]}").env}
        command = [self._box.minion, "serve", "--listen", self.address, "--data-dir", str(self.data)]
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(
                [*command, *map(str, self._arguments)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                cwd=self._box.root, start_new_session=True)
        wait_until(lambda: self._is_up() or self.process.poll() is not None, f"/healthz of {self.address}")
        return self.process.poll() is None

    def _is_up(self) -> bool:
        try:
            return self.ask("/healthz", timeout=2).status == 200
        except OSError:
            return False

    @property
    def address(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def ask(self, target: str, method: str = "GET", body: Optional[bytes] = None, **options: Any) -> Answer:
        return ask((self.host, self.port), target, method, body, **options)

    def peers(self, resource: str, **query: object) -> List[List[Any]]:
        """Old Minion's question; the peers of the answer, which must be a success."""
        answer = self.ask("/peer/?" + urlencode({"res": resource, **query}, quote_via=quote))
        assert answer.status == 200 and answer.json["ret"] == "success", answer
        return answer.json.get(resource, [])

    def node_address(self, resource: str, seconds: float = PATIENCE) -> Tuple[str, int]:
        """Where the first peer of `resource` listens."""
        ip, port = wait_until(lambda: self.peers(resource), f"a peer of {resource}", seconds)[0]
        return ip, port

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = STOPPING) -> int:
        self.process.terminate()
        return self.process.wait(seconds)

    def restart(self) -> None:
        """Starts anew on the same port; the old process must be gone."""
        assert self._start(), f"minion serve does not start again:\n{self.log}"


class PeerProcess:
    """`minion peer` on a host, ready when the constructor returns; `get` on that host uses it from then on."""

    def __init__(self, box: "Box", host: Host, arguments: Sequence[object], env: Optional[Dict[str, str]] = None):
        self._box = box
        self._host = host
        self._arguments = arguments
        self._env = env
        self.cache = host.root / "cache"
        self.socket = host.root / "run" / "node.sock"
        self._start()
        host.socket = self.socket

    def _start(self) -> None:
        self.running = self._host.start(
            "peer", "--cache-dir", self.cache, "--socket", self.socket, *self._arguments, env=self._env)
        self.process = self.running.process
        wait_until(lambda: self.is_ready or not self.running.is_running, "minion peer to be ready")
        assert self.running.is_running, f"minion peer does not start: {self.running.err}"

    @property
    def is_ready(self) -> bool:
        return b"serves on" in self.running.out

    @property
    def log(self) -> str:
        return self.running.err

    def descriptors(self) -> Tuple[int, int]:
        """How many files it has open, and how many sockets."""
        folder = Path(f"/proc/{self.process.pid}/fd")
        targets = []
        for name in os.listdir(folder):
            try:
                targets.append(os.readlink(folder / name))
            except OSError:
                continue  # closed while we looked
        sockets = sum(target.startswith("socket:") for target in targets)
        return len(targets) - sockets, sockets

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = STOPPING) -> int:
        self.process.terminate()
        return self.process.wait(seconds)

    def reload(self) -> None:
        """Has it read its settings again, and waits until it has."""
        before = self.log.count("settings")
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.log.count("settings") > before, "minion peer to read its settings")

    def restart(self) -> None:
        """Starts anew with the same folders; the old process must be gone."""
        self._start()

    def content(self) -> List[Path]:
        """The files with data in the cache."""
        return sorted(self.cache.glob("tasks/*/*/content"))


class Box:
    """Everything that one test runs. `close` fails if something is left that should not be."""

    def __init__(self, minion: str):
        self.minion = minion
        self.mark = uuid.uuid4().hex
        # Short, because sockets may be made below it, whose paths are limited to about a hundred bytes.
        self.root = Path(tempfile.mkdtemp(prefix="mn-")).resolve()
        self.has_lingering_nodes = False
        self.started: List[Running] = []
        self._trackers: List[TrackerProcess] = []
        self._peers: List[PeerProcess] = []
        self._closers: List[Callable[[], None]] = []
        self._hosts: Dict[str, Host] = {}

    def host(self, name: str = "a") -> Host:
        if name not in self._hosts:
            self._hosts[name] = Host(self, name)
        return self._hosts[name]

    def hosts(self, count: int) -> List[Host]:
        return [self.host(f"h{i}") for i in range(count)]

    def tracker(self, *arguments: object, host: str = "127.0.0.1") -> TrackerProcess:
        tracker = TrackerProcess(self, f"tracker{len(self._trackers)}", host, arguments)
        self._trackers.append(tracker)
        return tracker

    def peer(
        self, host: Union[Host, str] = "a", *arguments: object, tracker: Optional[TrackerProcess] = None,
        env: Optional[Dict[str, str]] = None,
    ) -> PeerProcess:
        """The node of a host."""
        if tracker is not None:
            arguments = (*arguments, "--tracker", tracker.address)
        peer = PeerProcess(self, self.host(host) if isinstance(host, str) else host, arguments, env)
        self._peers.append(peer)
        return peer

    def source(self, name: str = "127.0.0.1") -> Source:
        return self._closing(Source(name))

    def rogue_tracker(self, behaviour: str) -> RogueTracker:
        return self._closing(RogueTracker(behaviour))

    def rogue_peer(self, *arguments: Any, **options: Any) -> RoguePeer:
        return self._closing(RoguePeer(*arguments, **options))

    def _closing(self, server: Any) -> Any:
        self._closers.append(server.close)
        return server

    # Processes.

    def processes(self, with_trackers: bool = False) -> Dict[int, str]:
        """Living processes that this test's commands started, by id; not those that stay: trackers and hosts' nodes."""
        staying = () if with_trackers else (server.process.pid for server in [*self._trackers, *self._peers])
        # A test that calls a library is itself at home in the box.
        others = {os.getpid(), *staying}
        found: Dict[int, str] = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) in others:
                continue
            try:
                if self._is_ours(Path("/proc") / entry):
                    found[int(entry)] = Path(f"/proc/{entry}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (OSError, IndexError):
                continue  # it ended while we looked
        return found

    def _is_ours(self, entry: Path) -> bool:
        if (entry / "stat").read_text().rpartition(")")[2].split()[0] in "ZX":
            return False
        root = str(self.root)
        return (
            f"MINION_TEST_BOX={self.mark}".encode() in (entry / "environ").read_bytes().split(b"\0")
            or root.encode() in (entry / "cmdline").read_bytes()
            or os.readlink(entry / "cwd").startswith(root))

    def signal_nodes(self, number: int) -> None:
        """Signals everything of this test but its trackers and hosts' nodes."""
        self.signal_only(self.processes(), number)

    def signal_only(self, pids: Iterable[int], number: int) -> None:
        """Signals those of `pids` that are still processes of this test."""
        for pid in set(pids) & set(self.processes()):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def stop_nodes(self) -> None:
        """Ends the nodes that run now, in good order."""
        self.signal_nodes(signal.SIGTERM)
        self.wait_for_no_processes()

    def wait_for_no_processes(self, seconds: float = STOPPING) -> None:
        wait_until(lambda: not self.processes(), "every process of the test to end", seconds)

    def close(self) -> List[str]:
        """Ends everything; the complaints."""
        complaints = []
        if self.has_lingering_nodes:
            self.signal_nodes(signal.SIGTERM)
        try:
            self.wait_for_no_processes()
        except AssertionError:
            complaints.append(f"processes are left: {self.processes()}")
        # A node takes its leave of a tracker, which therefore goes last.
        for name, servers in (("peer", self._peers), ("serve", self._trackers)):
            for server in servers:
                complaints += self._stop(name, server)
        for pid in self.processes(with_trackers=True):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for running in self.started:
            running.process.wait(STOPPING)
        for close in self._closers:
            close()
        return complaints

    @staticmethod
    def _stop(name: str, server: Union[TrackerProcess, PeerProcess]) -> List[str]:
        if server.process.poll() is None:
            try:
                code = server.stop()
            except subprocess.TimeoutExpired:
                return [f"minion {name} does not end on SIGTERM"]
            return [f"minion {name} ended with {code} on SIGTERM"] if code != 0 else []
        if server.process.returncode not in (0, -signal.SIGKILL):
            return [f"minion {name} ended by itself with {server.process.returncode}"]
        return []

    def logs(self) -> str:
        """The last words of everything, for a failed test's report."""
        parts = [f"--- {' '.join(map(str, r.process.args))}\n{r.err[-2000:]}" for r in self.started]
        parts += [f"--- {log}\n{log.read_text(errors='replace')[-2000:]}" for log in self.root.rglob("*.log")]
        return "\n".join(parts)

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
