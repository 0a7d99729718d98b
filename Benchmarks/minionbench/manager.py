"""The manager with a large store: how long each page of its lists takes, and many requests at once."""
from __future__ import annotations

import gzip
import http.client
import json
import random
import re
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from .bench import Options
from .databases import Postgres, find_postgres
from .openloop import Ask, drive
from .processes import Processes, cpu_of, descendants
from .quantities import median, percentile
from .results import Must, Row
from .servers import free_port
from .tools import Trouble, need_room

PASSWORD = "benchmark-root"
#: How often each page is asked for, all in turn.
ROUNDS = 20
#: Milliseconds.
PAGE = 30
#: Requests a second, for so many seconds, over so many connections, and their milliseconds.
RATE = 500
SECONDS = 10
CONNECTIONS = 24
TAIL = 100

#: What lists are filtered by, beside no filter; `minion-store-load fill` has it in the store, but for `none`.
FILTERS = {
    "peers": (
        "state=active", "state=inactive", "os=linux", "os=darwin&state=active", "host_name=host-77", "host_name=none",
        "ip=10.0.0.77", "ip=none", "scheduler_cluster_id=1"),
    "jobs": ("type=preheat", "state=FAILURE", "type=preheat&state=FAILURE", "user_id=7", "user_id=7&state=SUCCESS"),
    "audits": (
        "actor_name=load-7", "path=/api/v1/jobs/77", "path=none", "state=FAILURE", "status_code=404",
        "actor_name=load-7&operation=GET"),
    "users": ("name=load-77",),
    "personal-access-tokens": ("name=load-77", "user_id=7"),
    "applications": ("name=load-77",),
    "clusters": ("name=load-77",),
}


def measure(options: Options) -> List[Row]:
    return _measure(options, "SQLite", lambda _: None) + _measure(options, "PostgreSQL", Postgres)


def _measure(options: Options, engine: str, start: Callable[[Processes], Optional[Postgres]]) -> List[Row]:
    processes = Processes(options.scratch)
    what = f"manager on {engine}"
    try:
        need_room(processes.folder, 10_000 * options.peers, "'manager'")
        manager = Manager(processes, options, start(processes))
        return [_time_pages(f"{what}, {options.peers:,} peers", manager), *_load(what, manager)]
    except Trouble as trouble:
        return [Row("manager", what, note=str(trouble))]
    finally:
        processes.close()


@dataclass(frozen=True)
class Answer:
    seconds: float
    body: bytes
    #: The header field that leads through the pages.
    link: str

    @property
    def last(self) -> int:
        """The number of the last page; 0 if there are no rows."""
        return int(re.findall(r"[?&]page=([0-9]+)[^>]*>;rel=last", self.link)[0])


class Manager:
    """`minion-server` with a store that `minion-store-load` has filled, and one connection to it as root."""

    def __init__(self, processes: Processes, options: Options, postgres: Optional[Postgres]):
        self.address = ("127.0.0.1", free_port())
        folder = processes.folder / "manager"
        database = postgres.url if postgres else f"sqlite:{folder}/manager.sqlite"
        processes.variables["MINION_INITIAL_ROOT_PASSWORD"] = PASSWORD
        command: List[Any] = [
            options.minion.with_name("minion-server"), "serve", "--listen", "{}:{}".format(*self.address), "--data-dir", folder,
            "--database", database, "--log-level", "error",
        ]
        child = processes.start(command, "manager.log")
        # It greets when it listens.
        processes.wait_for(lambda: str(self.address[1]) in processes.words("manager.log"), child, "manager.log")
        processes.run(
            [options.binaries / "minion-store-load", "fill", "--database", database, "--peers", options.peers,
             "--jobs", options.peers // 10, "--audits", 2 * options.peers], "fill.log")
        if postgres:
            # What it does by itself after a minute or so.
            postgres.psql("VACUUM ANALYZE")
        self._connection = http.client.HTTPConnection(*self.address, timeout=60)
        self._headers = {"Accept-Encoding": "gzip"}
        session = self.call("POST", "/api/v1/users/signin", {"name": "root", "password": PASSWORD})
        self._headers["Authorization"] = f"Bearer {session['token']}"
        token = self.call(
            "POST", "/api/v1/personal-access-tokens",
            {"name": "benchmark", "expired_at": "2099-01-01T00:00:00Z", "user_id": 1})
        self._tokens = {"/api/": session["token"], "/oapi": token["token"]}

    def call(self, method: str, target: str, body: Any = None) -> Any:
        """What an answer says in JSON."""
        return json.loads(self._unpacked(self._exchange(method, target, body)))

    def get(self, target: str) -> Answer:
        begin = time.monotonic()
        response, body = self._exchange("GET", target)
        return Answer(time.monotonic() - begin, self._unpacked((response, body)), response.headers["Link"] or "")

    def ask(self, target: str, changes: bool = False) -> Ask:
        """A request for others to send. `changes`: whether its answer does, from time to time."""
        head = {**self._headers, "Host": "{}:{}".format(*self.address), "Authorization": f"Bearer {self._tokens[target[:5]]}"}
        lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        body = self._exchange("GET", target, headers=head)[1]
        return Ask(target, "\r\n".join([*lines, "", ""]).encode(), None if changes else body)

    def _exchange(
        self, method: str, target: str, body: Any = None, headers: Optional[Dict[str, str]] = None
    ) -> Tuple[http.client.HTTPResponse, bytes]:
        data = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, target, data, headers or self._headers)
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Trouble(f"the manager does not answer {method} {target}: {error!r}") from None
        if response.status != 200:
            raise Trouble(f"the manager answers {response.status} to {method} {target}")
        if response.will_close:
            raise Trouble(f"the manager closes the connection after {method} {target}")
        return response, content

    @staticmethod
    def _unpacked(answer: Tuple[http.client.HTTPResponse, bytes]) -> bytes:
        response, content = answer
        return gzip.decompress(content) if response.headers["Content-Encoding"] == "gzip" else content


# Pages.


def _time_pages(what: str, manager: Manager) -> Row:
    targets = list(_targets(manager))
    times: Dict[str, List[float]] = {target: [] for target in targets}
    for _ in range(ROUNDS):
        for target in targets:
            times[target].append(1000 * manager.get(target).seconds)
    worst = max(targets, key=lambda target: median(times[target]))
    tail = {target: percentile(times[target], 95) for target in targets}
    highest = max(targets, key=lambda target: tail[target])
    note = f"{shown(worst)}: p95 {tail[worst]:.1f} ms; of {len(targets)} pages"
    if highest != worst:
        note += f", the highest p95 {tail[highest]:.1f} ms ({shown(highest)})"
    return Row(
        "manager", f"{what}: the slowest page", median(times[worst]), "ms", (min(times[worst]), max(times[worst])),
        Must("at most", PAGE), note,
        {target: {"median": median(times[target]), "p95": tail[target]} for target in targets})


def _targets(manager: Manager) -> Iterator[str]:
    """Every list of the interface: its first, middle and last page, of 10 and of 100 rows, and filtered."""
    for path, description in manager.call("GET", "/openapi.json")["paths"].items():
        if not path.startswith("/api/v1/") or "get" not in description or "{" in path:
            continue
        names = [parameter["name"] for parameter in description["get"].get("parameters", [])]
        if "scheduler_cluster_id" in names and "host_name" not in names:
            yield f"{path}?scheduler_cluster_id=1"
        elif "per_page" not in names:
            yield path
        else:
            for query in ("", *FILTERS.get(path.rpartition("/")[2], ())):
                yield from _three(manager, path, query, 10)
            yield from _three(manager, path, "", 100)


def _three(manager: Manager, path: str, query: str, size: int) -> Iterator[str]:
    """The first, the middle and the last page, after a look whether they are what they have to be."""
    base = f"{path}?{query}{'&' if query else ''}per_page={size}&page="
    last = manager.get(base + "1").last
    for page in sorted({1, max(1, (last + 1) // 2), max(1, last)}):
        count = len(json.loads(manager.get(f"{base}{page}").body))
        if not (count == size if page < last else count <= size and (count > 0) == (last > 0)):
            raise Trouble(f"{base}{page} has {count} rows")
        yield f"{base}{page}"


def shown(target: str) -> str:
    return target.removeprefix("/api/v1").replace("per_page=10&", "")


# Many at once.


def _load(what: str, manager: Manager) -> List[Row]:
    chance = random.Random(RATE)
    kinds = _kinds(manager, chance)
    asks = [chance.choice(kinds[chance.randrange(len(kinds))]) for _ in range(RATE * SECONDS)]
    before = cpu_of(sorted(descendants()))
    outcome = drive(manager.address, asks, RATE, CONNECTIONS)
    cores = (cpu_of(sorted(descendants())) - before) / SECONDS
    times = [1000 * seconds for seconds in outcome.latencies]
    late = 1000 * percentile(outcome.lateness, 99)
    note = (
        f"p50 {median(times):.1f} ms, most {max(times):.0f} ms; server and database: {100 * cores:.0f} % of a core; "
        f"99 % were sent within {late:.1f} ms")
    return [
        Row("manager", f"{what}, {RATE} reads/s for {SECONDS} s: p99", percentile(times, 99), "ms", None,
            Must("at most", TAIL), note, {"p50": median(times), "most": max(times), "cores": cores, "late": late}),
        Row("manager", f"{what}, the same: refused or wrong", len(outcome.faults), "", None, Must("at most", 0),
            outcome.faults[0] if outcome.faults else f"of {len(asks)}", {"faults": outcome.faults[:20]}),
    ]


def _kinds(manager: Manager, chance: random.Random) -> List[List[Ask]]:
    """Requests of each kind; all kinds are equally frequent."""
    peers, jobs = (manager.get(f"/api/v1/{name}?per_page=1").last for name in ("peers", "jobs"))

    def some(form: str, most: int) -> List[Ask]:
        return [manager.ask(form.format(chance.randint(1, max(1, most)))) for _ in range(20)]

    return [
        [manager.ask("/api/v1/peers")],
        some("/api/v1/peers?page={}", peers // 10),
        some("/api/v1/peers/{}", peers),
        some("/api/v1/peers?host_name=host-{}", peers - 1),
        some("/api/v1/peers?state=active&page={}", peers // 20),
        [manager.ask("/api/v1/jobs")],
        some("/api/v1/jobs?page={}", jobs // 10),
        some("/api/v1/jobs/{}", jobs),
        some("/api/v1/jobs?state=FAILURE&page={}", jobs // 100),
        some("/api/v1/jobs?user_id={}", 200),
        some("/oapi/v1/jobs/{}", jobs),
        some("/oapi/v1/clusters?page={}", 20),
        some("/api/v1/clusters/{}", 200),
        some("/api/v1/clusters?page={}", 20),
        some("/api/v1/schedulers?page={}", 20),
        some("/api/v1/seed-peers?page={}", 20),
        some("/api/v1/users?page={}", 20),
        some("/api/v1/applications?page={}", 20),
        some("/api/v1/personal-access-tokens?page={}", 20),
        [manager.ask("/api/v1/audits", changes=True)],
        some("/api/v1/audits?path=/api/v1/jobs/{}&actor_name=load-7", 900),
    ]
