"""The systems that are compared: what each runs on the source's host and on the others."""
from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Callable, Dict, List, Type

from minionbench.processes import Processes
from minionbench.servers import Source, Tracker
from minionbench.tools import Trouble

from .network import Network

FILE = "payload"


class System(ABC):
    """One system in one network. Starting a host returns a question: is the file complete there?"""

    def __init__(self, processes: Processes, network: Network, options: Dict[str, Any]):
        self.processes = processes
        self.network = network
        self.options = options

    @property
    def origin(self) -> Path:
        """The file at the source."""
        return self.processes.folder / "source" / "files" / FILE

    def folder(self, host: int) -> Path:
        folder = self.processes.folder / f"host-{host}"
        folder.mkdir(exist_ok=True)
        return folder

    def output(self, host: int) -> Path:
        return self.folder(host) / FILE

    def run_on(self, host: int, *command: Any) -> subprocess.Popen[bytes]:
        return self.processes.start([*self.network.inside(host), *command], f"host-{host}.log")

    def ended(self, host: int, *command: Any) -> Callable[[], bool]:
        """Runs a command whose end is that of the download."""
        child = self.run_on(host, *command)

        def is_complete() -> bool:
            if child.poll() not in (None, 0, -9):
                raise Trouble(f"host {host}: {self.processes.words(f'host-{host}.log') or child.returncode}")
            return child.returncode == 0

        return is_complete

    def serve_source(self) -> str:
        source = Source(self.processes, self.network.address(0), 8000, self.network.inside(0))
        return source.url(FILE)

    @abstractmethod
    def prepare(self) -> None:
        """Starts what has to be there before."""

    @abstractmethod
    def start(self, host: int) -> Callable[[], bool]: ...


class Curl(System):
    def prepare(self) -> None:
        self._url = self.serve_source()

    def start(self, host: int) -> Callable[[], bool]:
        return self.ended(host, "curl", "--silent", "--fail", "--output", self.output(host), self._url)


class Minion(System):
    def prepare(self) -> None:
        self._url = self.serve_source()
        self._tracker = Tracker(
            self.processes, self.options["minion"], self.network.address(0), 8080, self.network.inside(0))

    def start(self, host: int) -> Callable[[], bool]:
        return self.ended(
            host, self.options["minion"], "get", self._url, "--tracker", self._tracker.address, "-o", self.output(host),
            "--upload-time", "3600", "--quiet")


class Torrent(System):
    _program = Path(__file__).with_name("torrent.py")

    def prepare(self) -> None:
        self._torrent = self.processes.folder / "torrent"
        self.processes.run([self.options["torrent_python"], self._program, "make", self.origin, self._torrent], "make.log")
        stamp = self._take_part("seed", 0, self.origin.parent)
        child = self._child
        self.processes.wait_for(stamp.exists, child, "host-0.log")

    def start(self, host: int) -> Callable[[], bool]:
        return self._take_part("leech", host, self.folder(host)).exists

    def _take_part(self, role: str, host: int, folder: Path) -> Path:
        stamp = self.processes.folder / f"stamp-{host}"
        stamp.unlink(missing_ok=True)
        peers: List[str] = [self.network.address(number) for number in range(self.network.count)]
        self._child = self.run_on(
            host, self.options["torrent_python"], self._program, role, self._torrent, folder, self.network.address(host),
            stamp, *peers)
        return stamp


SYSTEMS: Dict[str, Type[System]] = {"curl": Curl, "libtorrent": Torrent, "minion": Minion}
