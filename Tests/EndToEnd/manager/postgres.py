"""A PostgreSQL server of the tests' own: in a temporary folder, as an ordinary user, on a free port."""
from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import List, Optional

from processes import free_port
from waiting import wait_until


def find_programs() -> Optional[Path]:
    """The folder of `initdb` and `postgres`: Debian keeps it off the path."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = glob.glob("/usr/lib/postgresql/*/bin")
    # The highest version, by number.
    folders.sort(key=lambda folder: int(folder.split("/")[4]) if folder.split("/")[4].isdigit() else 0)
    return Path(folders[-1]) if folders else None


class Postgres:
    def __init__(self) -> None:
        programs = find_programs()
        assert programs, "no PostgreSQL here: install Debian's package 'postgresql'"
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="mn-pg-"))
        self._data = self.folder / "data"
        # PostgreSQL refuses to run as root.
        self._user = None if os.geteuid() else self._ordinary_user()
        if self._user:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "-D", self._data, "-U", "minion", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self.port = free_port()
        self.start()

    @staticmethod
    def _ordinary_user() -> pwd.struct_passwd:
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue
        raise AssertionError("there is neither a user 'postgres' nor a user 'nobody'")

    def _options(self) -> dict:
        options: dict = {"cwd": self.folder, "stdin": subprocess.DEVNULL}
        if self._user:
            options.update(user=self._user.pw_uid, group=self._user.pw_gid, extra_groups=[])
        return options

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._programs / program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, **self._options())
        assert done.returncode == 0, f"{program} failed: {done.stderr}"

    def start(self) -> None:
        settings: List[str] = []
        for setting in (
            "listen_addresses=127.0.0.1", f"port={self.port}", f"unix_socket_directories={self.folder}", "fsync=off",
            "max_connections=300", "shared_buffers=64MB", "logging_collector=off",
        ):
            settings += ["-c", setting]
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            [str(self._programs / "postgres"), "-D", str(self._data), *settings], stdout=log, stderr=log,
            start_new_session=True, **self._options())
        log.close()
        wait_until(lambda: self._is_up() or self.process.poll() is not None, "PostgreSQL to answer")
        assert self.process.poll() is None, f"PostgreSQL does not start: {(self.folder / 'log').read_text()}"

    def _is_up(self) -> bool:
        command = [str(self._programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port), "-q"]
        return subprocess.run(command, **self._options()).returncode == 0

    def psql(self, statement: str, database: str = "postgres") -> str:
        command = [
            str(self._programs / "psql"), "-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-p", str(self.port), "-U", "minion",
            "-d", database, "-c", statement,
        ]
        done = subprocess.run(command, capture_output=True, text=True, **self._options())
        assert done.returncode == 0, done.stderr
        return done.stdout

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"m{uuid.uuid4().hex[:12]}"
        self.psql(f"CREATE DATABASE {name}")
        return f"postgres://minion@127.0.0.1:{self.port}/{name}"

    def kill(self) -> None:
        """As a crash of the server does."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(30)

    def close(self) -> None:
        if self.process.poll() is None:
            # Nobody needs the data any more.
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
