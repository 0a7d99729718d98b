"""What the manager keeps its records in: a file, or a PostgreSQL of our own, as an ordinary user on a free port."""
from __future__ import annotations

import glob
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any, List, Optional

from .processes import Processes
from .servers import free_port
from .tools import Trouble

NAME = "minion"


def find_postgres() -> Optional[Path]:
    """The folder of `initdb` and `postgres`: Debian keeps it off the path."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = [Path(folder) for folder in glob.glob("/usr/lib/postgresql/*/bin")]
    return max(folders, key=lambda folder: float(folder.parent.name), default=None)


class Postgres:
    """With the settings that PostgreSQL comes with."""

    def __init__(self, processes: Processes):
        programs = find_postgres()
        if programs is None:
            raise Trouble("there is no PostgreSQL here; install Debian's package postgresql")
        self._processes = processes
        self._programs = programs
        self._folder = processes.folder / "postgres"
        self._folder.mkdir()
        # PostgreSQL refuses to run as root.
        self._user = ordinary_user() if os.geteuid() == 0 else None
        if self._user:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        data = self._folder / "data"
        self._run("initdb", "-D", data, "-U", NAME, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self._port = free_port()
        settings: List[str] = []
        for setting in ("listen_addresses=127.0.0.1", f"port={self._port}", f"unix_socket_directories={self._folder}"):
            settings += ["-c", setting]
        child = processes.start([programs / "postgres", "-D", data, *settings], "postgres.log", user=self._user)
        processes.wait_for(self._is_up, child, "postgres.log")
        self.psql(f"CREATE DATABASE {NAME}", "postgres")
        self.url = f"postgres://{NAME}@127.0.0.1:{self._port}/{NAME}"

    def psql(self, statement: str, database: str = NAME) -> None:
        self._run("psql", "-X", "-q", "-h", "127.0.0.1", "-p", self._port, "-U", NAME, "-d", database, "-c", statement)

    def _is_up(self) -> bool:
        command = [str(self._programs / "pg_isready"), "-h", "127.0.0.1", "-p", str(self._port), "-q"]
        return subprocess.run(command).returncode == 0

    def _run(self, program: str, *arguments: Any) -> None:
        log = f"{program}.log"
        child = self._processes.start([self._programs / program, *arguments], log, user=self._user)
        if child.wait(120) != 0:
            raise Trouble(f"{program} fails: {self._processes.words(log)}")


def ordinary_user() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Trouble("there is neither a user 'postgres' nor a user 'nobody', and PostgreSQL does not run as root")
