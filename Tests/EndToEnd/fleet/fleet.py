"""A fleet on loopback addresses: servers, seed peers and hosts' nodes, all the real programs."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from processes import Box, Host, PeerProcess
from server import Client, Server
from source_server import Resource
from waiting import PATIENCE, wait_until

#: What every node of these tests may be made to read: the source is on this very machine.
SOURCES = ("--preheat-sources", "127.0.0.0/8")


class Fleet:
    """One server with its root's session, and the nodes that joined it."""

    def __init__(self, box: Box, start_server: Callable[..., Server]):
        self.box = box
        self.start_server = start_server
        self.servers: List[Server] = [start_server(*SOURCES)]
        self.root: Client = self.server.sign_in()
        self._tokens = 0

    @property
    def server(self) -> Server:
        return self.servers[0]

    @property
    def managers(self) -> str:
        return ",".join(server.url for server in self.servers)

    # Tokens.

    def join_token(self, cluster: Optional[int] = None, **more: Any) -> dict:
        self._tokens += 1
        body = {"name": f"join-{self._tokens}", **more}
        if cluster is not None:
            body["scheduler_cluster_id"] = cluster
        return self.root.ok(self.root.post("/api/v1/join-tokens", body))

    @property
    def token(self) -> str:
        """One that is good for everything."""
        if not hasattr(self, "_token"):
            self._token = self.join_token()["token"]
        return self._token

    # Nodes.

    def node(self, name: str, *arguments: object, token: Optional[str] = None, managers: Optional[str] = None) -> PeerProcess:
        """The node of a host of that name."""
        return self.box.peer(
            self.box.host(name), "--host-name", name, "--listen", "127.0.0.1:0", "--manager", managers or self.managers, *SOURCES,
            *arguments, env={"MINION_JOIN_TOKEN": token or self.token})

    def seed(self, name: str, *arguments: object, **options: Any) -> PeerProcess:
        return self.node(name, "--seed", *arguments, **options)

    def seeds(self, count: int) -> List[PeerProcess]:
        nodes = [self.seed(f"seed{i}") for i in range(count)]
        for i in range(count):
            self.wait_for_seed(f"seed{i}")
        return nodes

    def nodes(self, count: int) -> List[PeerProcess]:
        nodes = [self.node(f"node{i}") for i in range(count)]
        for i in range(count):
            self.wait_for_peer(f"node{i}")
        return nodes

    def host(self, name: str) -> Host:
        return self.box.host(name)

    # What the manager says.

    def rows(self, kind: str, **query: object) -> List[dict]:
        text = "&".join(f"{name}={value}" for name, value in {"per_page": 1000, **query}.items())
        return self.root.ok(self.root.get(f"/api/v1/{kind}?{text}"))

    def row(self, kind: str, name: str) -> Optional[dict]:
        return next(iter(self.rows(kind, host_name=name)), None)

    def wait_for(self, kind: str, name: str, state: str = "active", seconds: float = PATIENCE) -> dict:
        wait_until(
            lambda: (self.row(kind, name) or {}).get("state") == state, f"{kind} {name} to be {state}", seconds)
        return self.row(kind, name)

    def wait_for_seed(self, name: str, state: str = "active", seconds: float = PATIENCE) -> dict:
        return self.wait_for("seed-peers", name, state, seconds)

    def wait_for_peer(self, name: str, state: str = "active", seconds: float = PATIENCE) -> dict:
        return self.wait_for("peers", name, state, seconds)

    def wait_for_scheduler(self, state: str = "active", seconds: float = PATIENCE) -> dict:
        wait_until(lambda: self.rows("schedulers", state=state), f"a scheduler that is {state}", seconds)
        return self.rows("schedulers", state=state)[0]

    def configure(self, cluster: int = 1, **configs: Dict[str, Any]) -> None:
        """Changes parts of a cluster: `scheduler`, `seed_peer` and `peer` are the configurations' members."""
        now = self.root.ok(self.root.get(f"/api/v1/clusters/{cluster}"))
        body: Dict[str, Any] = {"is_default": now["is_default"]}
        for kind, members in configs.items():
            field = f"{kind}_cluster_config"
            body[field] = {**now[field], **members}
        self.root.ok(self.root.patch(f"/api/v1/clusters/{cluster}", body))

    # Jobs.

    def start_job(self, type: str, args: Optional[dict] = None, clusters: Optional[List[int]] = None) -> dict:
        body: Dict[str, Any] = {"type": type, "args": args or {}}
        if clusters:
            body["scheduler_cluster_ids"] = clusters
        return self.root.ok(self.root.post("/api/v1/jobs", body))

    def preheat(self, *resources: Resource, scope: str = "single_seed_peer", **args: Any) -> dict:
        urls = [resource.url for resource in resources]
        return self.start_job("preheat", {"type": "file", "urls": urls, "scope": scope, **args})

    def job(self, id: int) -> dict:
        return self.root.ok(self.root.get(f"/api/v1/jobs/{id}"))

    def wait_for_job(self, id: int, seconds: float = PATIENCE) -> dict:
        """The job when it has ended."""
        wait_until(lambda: self.job(id)["state"] in ("SUCCESS", "FAILURE"), f"job {id} to end", seconds)
        return self.job(id)

    def run_job(self, type: str, args: Optional[dict] = None) -> dict:
        return self.wait_for_job(self.start_job(type, args)["id"])

    def succeed(self, job: dict, seconds: float = PATIENCE) -> dict:
        ended = self.wait_for_job(job["id"], seconds)
        assert ended["state"] == "SUCCESS", ended
        return ended

    def fail(self, job: dict, seconds: float = PATIENCE) -> dict:
        ended = self.wait_for_job(job["id"], seconds)
        assert ended["state"] == "FAILURE", ended
        return ended

    @staticmethod
    def results(job: dict) -> List[dict]:
        """What the parts of a job brought, in one list."""
        return [result for state in job["result"]["job_states"] for result in state["results"] or []]
