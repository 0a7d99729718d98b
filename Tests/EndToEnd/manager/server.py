"""`minion-server` as an operator runs it, and a client that knows nothing but the interface."""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Dict, Optional

from http_calls import Answer, ask
from processes import STOPPING, free_port
from waiting import wait_until

ROOT_PASSWORD = "dragonfly"
DAY = 86_400
#: A time that no test lives to see.
FAR = "2099-01-01T00:00:00Z"


class Server:
    """`minion-server serve`, ready when the constructor returns."""

    def __init__(
        self, binary: Path, *arguments: object, database: Optional[str] = None, env: Optional[Dict[str, str]] = None,
        folder: Optional[Path] = None,
    ):
        self.folder = folder or Path(tempfile.mkdtemp(prefix="mn-srv-")).resolve()
        self.database = database
        self._binary = binary
        self._arguments = list(arguments)
        self._env = env or {}
        self._owns_folder = folder is None
        self._log = self.folder / "log"
        for _ in range(5):
            self.port = free_port()
            if self.start():
                return
        raise AssertionError(f"minion-server does not start:\n{self.log}")

    @property
    def command(self) -> list:
        command = [str(self._binary), "serve", "--listen", f"127.0.0.1:{self.port}", "--data-dir", str(self.folder / "data")]
        if self.database:
            command += ["--database", self.database]
        return [*command, *map(str, self._arguments)]

    def start(self) -> bool:
        kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        with open(self._log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env={**kept, "HOME": str(self.folder), **self._env}, start_new_session=True)
        wait_until(lambda: self._is_up() or self.process.poll() is not None, "/healthz of minion-server")
        return self.process.poll() is None

    def _is_up(self) -> bool:
        try:
            return self.ask("/healthz", timeout=2).status == 200
        except OSError:
            return False

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def address(self) -> tuple:
        return ("127.0.0.1", self.port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, target: str, method: str = "GET", body: Optional[bytes] = None, **options: Any) -> Answer:
        return ask(self.address, target, method, body, **options)

    def client(self) -> "Client":
        return Client(self)

    def sign_in(self, name: str = "root", password: str = ROOT_PASSWORD) -> "Client":
        client = Client(self)
        answer = client.post("/api/v1/users/signin", {"name": name, "password": password})
        assert answer.status == 200, (answer, self.log)
        return client

    def guest(self, name: str = "guest1", password: str = "guest-pass1") -> "Client":
        """A new account, signed in."""
        answer = self.client().post(
            "/api/v1/users/signup", {"name": name, "password": password, "email": f"{name}@test.example"})
        assert answer.status == 200, answer
        client = self.sign_in(name, password)
        client.id = answer.json["id"]
        return client

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOPPING)

    def restart(self) -> None:
        assert self.start(), f"minion-server does not start again:\n{self.log}"

    def close(self) -> Optional[str]:
        """Ends the server; a complaint if it does not end as it should."""
        complaint = None
        if self.process.poll() is None:
            try:
                code = self.stop()
                complaint = None if code == 0 else f"minion-server ended with {code} on SIGTERM"
            except subprocess.TimeoutExpired:
                complaint = "minion-server does not end on SIGTERM"
                self.kill()
        elif self.process.returncode not in (0, -signal.SIGKILL):
            complaint = f"minion-server ended by itself with {self.process.returncode}"
        return complaint

    def remove(self) -> None:
        if self._owns_folder:
            shutil.rmtree(self.folder, ignore_errors=True)


class Client:
    """Calls the interface and keeps the cookies that it sets."""

    def __init__(self, server: Server):
        self.server = server
        self.cookies: Dict[str, str] = {}
        self.bearer: Optional[str] = None
        self.id = 1

    def call(
        self, method: str, target: str, body: Any = None, headers: Optional[Dict[str, str]] = None, raw: Optional[bytes] = None,
    ) -> Answer:
        all_headers = dict(headers or {})
        if self.cookies:
            all_headers.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        if self.bearer:
            all_headers.setdefault("Authorization", f"Bearer {self.bearer}")
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        if data is not None:
            all_headers.setdefault("Content-Type", "application/json")
        answer = self.server.ask(target, method, data, headers=all_headers)
        for field in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(field).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return answer

    def get(self, target: str, **options: Any) -> Answer:
        return self.call("GET", target, **options)

    def post(self, target: str, body: Any = None, **options: Any) -> Answer:
        return self.call("POST", target, {} if body is None else body, **options)

    def patch(self, target: str, body: Any, **options: Any) -> Answer:
        return self.call("PATCH", target, body, **options)

    def put(self, target: str, **options: Any) -> Answer:
        return self.call("PUT", target, **options)

    def delete(self, target: str, body: Any = None, **options: Any) -> Answer:
        return self.call("DELETE", target, body, **options)

    def ok(self, answer: Answer) -> Any:
        """The body of a success, which is always 200; None if it is empty."""
        assert answer.status == 200, (answer.status, answer.body, self.server.log[-2000:])
        return answer.json if answer.body else None

    # What many tests begin with.

    def make_cluster(self, name: str = "c", **more: Any) -> dict:
        body = {
            "name": name, "scheduler_cluster_config": {}, "seed_peer_cluster_config": {}, "peer_cluster_config": {}, **more,
        }
        return self.ok(self.post("/api/v1/clusters", body))

    def make_token(self, name: str = "t", scopes: Optional[list] = None, **more: Any) -> dict:
        body = {"name": name, "expired_at": FAR, "user_id": 1, **more}
        if scopes is not None:
            body["scopes"] = scopes
        return self.ok(self.post("/api/v1/personal-access-tokens", body))

    def with_token(self, value: str) -> "Client":
        """The same server, called with a personal access token."""
        client = Client(self.server)
        client.bearer = value
        return client


def pages(answer: Answer) -> Dict[str, Dict[str, str]]:
    """The header field `Link` by relation, as parameters."""
    found: Dict[str, Dict[str, str]] = {}
    for entry in answer.headers["Link"].split(","):
        target, _, relation = entry.partition(">;rel=")
        query = target.lstrip("<").partition("?")[2]
        found[relation] = dict(pair.split("=", 1) for pair in query.split("&"))
    return found


def wait_for_audit(client: Client, query: str, count: int = 1) -> list:
    """Records of calls that match, which are written a little later."""
    def records() -> list:
        return client.ok(client.get(f"/api/v1/audits?per_page=1000&{query}"))

    return wait_until(lambda: (lambda r: r if len(r) >= count else None)(records()), f"{count} audit records: {query}", 20)


def now() -> float:
    return time.time()
