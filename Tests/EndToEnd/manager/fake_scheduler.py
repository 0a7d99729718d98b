"""A scheduler as far as a manager can tell: it reports once in a while, and does what it is given as tests say."""
from __future__ import annotations

import json
import threading
import uuid
from typing import Any, Callable, Dict, List, Optional

from http_calls import Answer
from server import Client, Server

FEATURES = ["schedule", "preheat"]


def host(name: str, ip: str = "10.1.0.1", port: int = 4001, seed: bool = False, active: bool = True, **counters: int) -> dict:
    return {
        "id": f"{uuid.uuid5(uuid.NAMESPACE_DNS, name).hex[:16]}",
        "facts": {
            "hostName": name, "endpoint": f"{ip}:{port}", "site": "", "location": "", "isSeed": seed, "canUpload": True,
            "version": "1", "commit": "", "system": "linux", "platform": "", "platformFamily": "", "platformVersion": "",
            "kernelVersion": "", "buildPlatform": ""},
        "counters": {
            "bytesFromSource": 0, "bytesFromPeers": 0, "bytesSent": 0, "downloads": 0, "uploads": 0, "uploadsRefused": 0,
            **counters},
        "isActive": active,
    }


def part_report(part: str, state: str, **more: Any) -> dict:
    return {
        "id": part, "state": state, "error": "", "results": [], "holders": [], "progress": [], "bytes": 0, "bytesExpected": 0,
        **more}


class FakeScheduler:
    def __init__(self, server: Server, token: str, name: str = "s1", address: str = "10.0.0.1", port: int = 8002,
                 features: Optional[List[str]] = None):
        self.server = server
        self.token = token
        self.facts = {
            "hostName": name, "address": address, "port": port, "isSecure": False, "site": "", "location": "",
            "features": FEATURES if features is None else features, "version": "1", "incarnation": uuid.uuid4().hex}
        self.known = ""
        self.news: Optional[dict] = None
        #: Parts of jobs that are its own, with what it tells of them.
        self.parts: Dict[str, dict] = {}
        self.given: List[dict] = []
        self._stop = threading.Event()
        self._thread: Optional[threading.Thread] = None
        self._lock = threading.Lock()

    def send(self, **changes: Any) -> Answer:
        report = {
            "facts": self.facts, "keepAliveSeconds": 1.0, "known": self.known, "hosts": [], "hasAllHosts": False,
            "jobs": list(self.parts.values()), "wantsJobs": 0, "isLeaving": False, **changes}
        return self.server.ask(
            "/internal/v1/schedulers", "POST", json.dumps(report).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"})

    def report(self, **changes: Any) -> dict:
        """One report; what was told, after taking note of it."""
        with self._lock:
            answer = self.send(**changes)
            assert answer.status == 200, (answer.status, answer.body)
            reply = answer.json
            if "news" in reply:
                self.news, self.known = reply["news"], reply["news"]["tag"]
            for part in list(self.parts):
                if self.parts[part]["state"] != "running" or part in reply["withdrawn"]:
                    del self.parts[part]
            for part in reply["jobs"]:
                self.given.append(part)
                self.parts[part["id"]] = part_report(part["id"], "running")
            return reply

    def run(self, work: Callable[[dict], dict], interval: float = 0.3) -> "FakeScheduler":
        """Reports until it is stopped; `work` says of each part how it ended."""
        def loop() -> None:
            while not self._stop.is_set():
                for part in self.report(wantsJobs=10)["jobs"]:
                    self.parts[part["id"]] = part_report(part["id"], **work(part))
                self._stop.wait(interval)

        self._thread = threading.Thread(target=loop)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()


def join_token(root: Client, name: str = "fleet", **more: Any) -> str:
    return root.ok(root.post("/api/v1/join-tokens", {"name": name, **more}))["token"]


def route(server: Server, token: Optional[str], **changes: Any) -> Answer:
    question = {
        "hostName": "h", "address": "", "site": "", "location": "", "isSeed": False, "version": "1", **changes}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return server.ask("/internal/v1/route", "POST", json.dumps(question).encode(), headers=headers)
