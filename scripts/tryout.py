#!/usr/bin/env python3
"""The try-out behind `scripts/try`: a source, a tracker and several nodes on this machine, all on loopback addresses.

Everything lives in one temporary folder and ends with this program, whatever ends it.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

DESCRIPTION = """\
Shows Minion at work on this machine: a source, a tracker and several nodes that fetch
one file at once. Ends by telling where the bytes came from. Builds Minion first, and
installs what is missing.

  scripts/try                       a file of random bytes, from an nginx of its own
  scripts/try https://host/file     a file of yours, from where it is
  scripts/try --nodes 12 --size 1G"""

REPOSITORY = Path(__file__).resolve().parents[1]
BLOCK = 4 << 20
#: More copies than this from the source, and Minion has not done what it is for.
MOST_COPIES = 1.2
#: The signals that end the try-out early.
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Trouble(Exception):
    """Ends the try-out with one line for the reader."""


# --- What is asked for ------------------------------------------------------------------------------------------------


def size_of(text: str) -> int:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([KMG]?)i?B?", text.strip(), re.IGNORECASE)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; give one such as 256M or 1G")
    value = int(float(match[1]) * {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[match[2].upper()])
    if not 1 <= value <= 1 << 40:
        raise argparse.ArgumentTypeError("the size has to be from 1 byte to 1024G")
    return value


def node_count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 200:
        raise argparse.ArgumentTypeError("give a number from 1 to 200")
    return int(text)


def source_url(text: str) -> str:
    if not re.match(r"https?://[^/]", text, re.IGNORECASE):
        raise argparse.ArgumentTypeError(f"{text!r} is no http or https URL")
    return text


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/try", formatter_class=argparse.RawDescriptionHelpFormatter, description=DESCRIPTION)
    parser.add_argument("url", nargs="?", type=source_url, help="a file to fetch (default: random bytes from an nginx here)")
    parser.add_argument("--nodes", type=node_count, default=6, help="machines to play (default: 6)")
    parser.add_argument("--size", type=size_of, default=size_of("256M"), help="of the random file (default: 256M)")
    parser.add_argument("--minion", type=Path, default=REPOSITORY / ".build/release/minion", help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


# --- What is shown ----------------------------------------------------------------------------------------------------


def human(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1000 or unit == "TiB":
            digits = 0 if unit == "B" or count >= 99.95 else 1 if count >= 9.995 else 2
            return f"{count:.{digits}f} {unit}"
        count /= 1024
    raise AssertionError


def number_of(thing: str, count: int) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


class Progress:
    """One line that changes on a terminal; one line every few seconds elsewhere."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._next = 0.0
        self._is_shown = False

    def show(self, text: Callable[[], str]) -> None:
        now = time.monotonic()
        if self._next == 0 and not self._is_terminal:
            self._next = now + 1
        if now < self._next:
            return
        self._next = now + (0.1 if self._is_terminal else 5)
        print(f"\r\033[K  {text()}" if self._is_terminal else f"  {text()}", end="" if self._is_terminal else "\n", flush=True)
        self._is_shown = self._is_terminal

    def done(self, text: str) -> None:
        print(("\r\033[K" if self._is_shown else "") + f"  {text}", flush=True)
        self._next = 0.0
        self._is_shown = False


# --- Processes --------------------------------------------------------------------------------------------------------


class Stage:
    """The folder and the processes of one try-out."""

    def __init__(self, needed: int):
        self.mark = uuid.uuid4().hex
        self.folder = self._make_folder(needed)
        self._children: List[subprocess.Popen] = []

    @staticmethod
    def _make_folder(needed: int) -> Path:
        parents = [tempfile.gettempdir(), "/var/tmp", str(REPOSITORY / ".build")]
        for parent in parents:
            if os.access(parent, os.W_OK) and shutil.disk_usage(parent).free > needed * 1.05 + (64 << 20):
                return Path(tempfile.mkdtemp(prefix="minion-try-", dir=parent))
        raise Trouble(
            f"no room for {human(needed)} in {', '.join(parents)}: "
            "give fewer --nodes or a smaller --size, or set TMPDIR to a folder with more room")

    def start(self, command: List[Any], log: str, **options: Any) -> subprocess.Popen:
        environment = {**os.environ, "MINION_TRYOUT": self.mark}
        environment.pop("MINION_TRACKER", None)
        with open(self.folder / log, "ab") as errors:
            child = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stderr=errors, env=environment,
                start_new_session=True, **{"stdout": errors, **options})
        self._children.append(child)
        return child

    def log(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(errors="replace")[-2000:].strip() if path.exists() else ""

    def _processes(self) -> List[int]:
        """All that was started here and lives, the nodes that `minion get` left to serve others among them."""
        # nginx writes its title where its environment was, so children are not told by the mark.
        found = [child.pid for child in self._children if child.poll() is None]
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and int(entry) not in found and self.mark.encode() in Path("/proc", entry, "environ").read_bytes():
                    found.append(int(entry))
            except OSError:
                continue  # it ended while we looked, or is somebody else's
        return found

    def close(self) -> None:
        for number in ENDINGS:
            signal.signal(number, signal.SIG_IGN)
        for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            deadline = time.monotonic() + patience
            for pid in self._processes():
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            while time.monotonic() < deadline:
                if not self._processes():
                    break
                time.sleep(0.05)
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition: Callable[[], bool], child: subprocess.Popen, what: str, log: Callable[[], str]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        if child.poll() is not None or time.monotonic() > deadline:
            raise Trouble(f"{what} does not start:\n{log()}")
        time.sleep(0.02)


# --- The parts --------------------------------------------------------------------------------------------------------


class Source:
    """An nginx of our own that serves one file of random bytes and counts what it sends."""

    def __init__(self, stage: Stage, size: int, progress: Progress):
        self._stage = stage
        self._folder = stage.folder / "source"
        (self._folder / "files").mkdir(parents=True)
        self.digest = self._make_file(size, progress)
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/random.bin"
        (self._folder / "nginx.conf").write_text(self._configuration())
        self._nginx = stage.start(["nginx", "-p", self._folder, "-c", self._folder / "nginx.conf"], "nginx.log")
        wait_for(lambda: is_open(self._port), self._nginx, "nginx", lambda: stage.log("nginx.log"))

    def _make_file(self, size: int, progress: Progress) -> str:
        digest = hashlib.sha256()
        written = 0
        with open(self._folder / "files" / "random.bin", "wb") as file:
            while written < size:
                block = os.urandom(min(BLOCK, size - written))
                file.write(block)
                digest.update(block)
                written += len(block)
                progress.show(lambda: f"writing random bytes: {human(written)} of {human(size)}")
        return digest.hexdigest()

    def _configuration(self) -> str:
        folder = self._folder
        # A worker of root's nginx would otherwise be somebody who may not look into our folder.
        user = "user root;" if os.geteuid() == 0 else ""
        temporary = " ".join(
            f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return f"""
            {user}
            daemon off;
            worker_processes 1;
            pid {folder}/nginx.pid;
            error_log stderr;
            events {{ worker_connections 1024; }}
            http {{
                {temporary}
                log_format bytes '$body_bytes_sent';
                access_log {folder}/sent.log bytes;
                sendfile on;
                keepalive_requests 1000000;
                server {{
                    listen 127.0.0.1:{self._port};
                    root {folder}/files;
                }}
            }}
        """

    def bytes_sent(self) -> int:
        """Stops the source, so that its log is complete, and adds up."""
        self._nginx.send_signal(signal.SIGQUIT)
        try:
            self._nginx.wait(10)
        except subprocess.TimeoutExpired:
            self._nginx.terminate()
            self._nginx.wait(10)
        return sum(int(line) for line in (self._folder / "sent.log").read_text().split())


class Tracker:
    """`minion serve` on a free port."""

    def __init__(self, stage: Stage, minion: Path):
        self.address = f"127.0.0.1:{free_port()}"
        command = [minion, "serve", "--listen", self.address, "--data-dir", stage.folder / "tracker"]
        child = stage.start(command, "serve.log")
        wait_for(self._is_healthy, child, "minion serve", lambda: stage.log("serve.log"))

    def _is_healthy(self) -> bool:
        # Without any proxy that the environment names.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://{self.address}/healthz", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False


class Node:
    """One `minion get`, and what it says about itself."""

    def __init__(self, stage: Stage, number: int, minion: Path, url: str, tracker: str):
        self.number = number
        self._stage = stage
        folder = stage.folder / f"node-{number}"
        folder.mkdir()
        self.path = folder / "file"
        self.last: Dict[str, Any] = {}
        self.error = ""
        command = [
            minion, "get", url, "--tracker", tracker, "-o", self.path, "--progress", "json",
            # Stays until the others are done; ended by us.
            "--upload-time", "600", "--listen", "127.0.0.1:0", "--advertise", "127.0.0.1",
        ]
        self._child = stage.start(command, f"node-{number}.log", stdout=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._child.stdout or ():
            try:
                event = json.loads(line)
            except ValueError:
                self.error = f"printed something that is no JSON: {line[:100]!r}"
                continue
            if event.get("event") in ("progress", "finished"):
                self.last = event
            elif event.get("event") == "failed":
                self.error = event.get("message", "failed")

    @property
    def is_running(self) -> bool:
        return self._child.poll() is None

    @property
    def trouble(self) -> str:
        """What went wrong, if anything did; to be asked when it has ended."""
        self._reader.join(10)
        if self._child.returncode == 0 and not self.error and self.last.get("event") == "finished":
            return ""
        reason = self.error or self._stage.log(f"node-{self.number}.log") or "no word of why"
        return f"node {self.number} ended with {self._child.returncode}: {reason}"

    def count(self, key: str) -> float:
        return self.last.get(key) or 0


def digest_of(path: Path, progress: Progress, what: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            progress.show(lambda: f"checking {what}: {human(file.tell())}")
    return digest.hexdigest()


# --- The try-out ------------------------------------------------------------------------------------------------------


def download(nodes: List[Node], progress: Progress) -> None:
    begin = time.monotonic()
    before = (begin, 0.0)
    rate = 0.0
    while any(node.is_running for node in nodes):
        time.sleep(0.05)
        now, done = time.monotonic(), sum(node.count("bytesDone") for node in nodes)
        if now - before[0] > 0.5:
            rate = (done - before[1]) / (now - before[0])
            before = (now, done)
        size = max((node.count("size") for node in nodes), default=0) * len(nodes)
        finished = sum(node.last.get("event") == "finished" for node in nodes)
        progress.show(
            lambda: f"{100 * done / size if size else 0:3.0f} %, {finished} of {len(nodes)} nodes complete, "
            f"{human(rate)}/s in all, {now - begin:.0f} s")
    troubles = [node.trouble for node in nodes]
    if any(troubles):
        raise Trouble("\n".join(filter(None, troubles)))


def check(nodes: List[Node], expected: Optional[str], progress: Progress) -> str:
    digests = {node.number: digest_of(node.path, progress, f"node {node.number}") for node in nodes}
    expected = expected or digests[nodes[0].number]
    wrong = [str(number) for number, digest in digests.items() if digest != expected]
    if wrong:
        raise Trouble(f"wrong bytes at node {', '.join(wrong)}: SHA-256 is not {expected}")
    return expected


def table(nodes: List[Node]) -> None:
    row = "  {:>6}  {:>12}  {:>12}  {:>8}".format
    print("\n" + row("node", "from source", "from peers", "seconds"))
    for node in nodes:
        source, peers = human(node.count("bytesFromSource")), human(node.count("bytesFromPeers"))
        print(row(node.number, source, peers, f"{node.count('seconds'):.2f}"))
    source, peers = (sum(node.count(key) for node in nodes) for key in ("bytesFromSource", "bytesFromPeers"))
    print(row("all", human(source), human(peers), f"{max(node.count('seconds') for node in nodes):.2f}"))


def summary(nodes: List[Node], sent: int, is_measured: bool) -> None:
    """Says what left the source, and what plain downloads would have cost it."""
    size = int(nodes[0].count("size"))
    copies = sent / size if size else 0.0
    who = "its own log" if is_measured else "what the nodes counted"
    print(f"\n  {human(sent)} left the source, by {who}: {copies:.2f} copies of a file of {human(size)}.")
    print(f"  {number_of('plain download', len(nodes))} would have taken {human(size * len(nodes))}: {len(nodes)}.00 copies.")
    # Somebody else's source may lack ranges, or change: what it sends is told, and not judged.
    if is_measured and copies > MOST_COPIES:
        raise Trouble(f"{copies:.2f} copies left the source; at most {MOST_COPIES} are right")


def own_address() -> str:
    """The address that other machines reach this one at, as far as the routing table tells. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return "ADDRESS-OF-THIS-MACHINE"


def next_steps(minion: Path, url: Optional[str]) -> None:
    address = own_address()
    binary = os.path.relpath(minion) if minion.is_relative_to(Path.cwd()) else str(minion)
    print(f"""
The same on real machines:

  1. Here, once; it runs until Ctrl-C:
         {binary} serve
  2. On every machine that wants the file, this one too:
         minion get {shlex.quote(url or 'https://host/file')} --tracker {address}:8080

  Machines must reach this one at port 8080, and each other at the ports that their nodes choose
  (or that --listen names). How to bring the binary to a machine without Swift: README.md, Install.""")


def run(options: argparse.Namespace) -> None:
    progress = Progress()
    size = 0 if options.url else options.size
    stage = Stage(size * (options.nodes + 1))
    try:
        source = None if options.url else Source(stage, size, progress)
        if source:
            progress.done(f"source: nginx at {source.url}, {human(size)} of random bytes")
        url = options.url or source.url
        tracker = Tracker(stage, options.minion)
        progress.done(f"tracker: minion serve --listen {tracker.address}")
        progress.done(f"{number_of('node', options.nodes)} at once: minion get {url} --tracker {tracker.address}")
        nodes = [Node(stage, i + 1, options.minion, url, tracker.address) for i in range(options.nodes)]
        download(nodes, progress)
        digest = check(nodes, source and source.digest, progress)
        progress.done(f"every file has the SHA-256 {digest[:16]}…")
        table(nodes)
        sent = source.bytes_sent() if source else sum(int(node.count("bytesFromSource")) for node in nodes)
        summary(nodes, sent, source is not None)
    finally:
        stage.close()
    next_steps(options.minion, options.url)


def interrupted(number: int, _: Any) -> None:
    raise SystemExit(128 + number)


def main() -> None:
    options = arguments()
    if options.check:
        return
    for number in ENDINGS:
        signal.signal(number, interrupted)
    print("\n== Try-out", flush=True)
    try:
        if not os.access(options.minion, os.X_OK):
            raise Trouble(f"there is no program at {options.minion}; run scripts/try, which builds it")
        run(options)
    except Trouble as trouble:
        sys.stdout.flush()
        raise SystemExit(f"scripts/try: {trouble}") from None


if __name__ == "__main__":
    main()
