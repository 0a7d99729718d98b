"""What it costs a server to have many hosts that do nothing but stay."""
from __future__ import annotations

import asyncio
import json
import resource
import time
import urllib.request
from typing import Any, Dict, List, Optional, Tuple

from .bench import Options
from .processes import Processes, cpu_of, peak_memory_of
from .results import Must, Row
from .servers import free_port
from .tools import Trouble

HOSTS = 2000
#: Every so many-th of them is a seed.
SEEDS = 100
#: Seconds after the last host has joined until what follows is ordinary, and for how long it is watched then.
SETTLING = 15
SECONDS = 60
PASSWORD = "dragonfly"


def measure(options: Options) -> List[Row]:
    processes = Processes(options.scratch)
    try:
        port = free_port()
        log = processes.folder / "serve.log"
        child = processes.start(
            [options.minion, "serve", "--listen", f"127.0.0.1:{port}", "--data-dir", processes.folder / "server",
             "--log-level", "error"], "serve.log")
        processes.wait_for(lambda: f":{port}" in log.read_text(errors="replace"), child, "serve.log")
        server = f"http://127.0.0.1:{port}"
        session = _call(server, "/api/v1/users/signin", {"name": "root", "password": PASSWORD})["token"]
        token = _call(server, "/api/v1/join-tokens", {"name": "bench", "bio": ""}, session)["token"]
        cpu, joining, known = asyncio.run(_fleet(port, token, child.pid, server, session))
        memory = peak_memory_of(child.pid)
    finally:
        processes.close()
    what = f"{HOSTS:,} idle hosts"
    return [
        Row("fleet", f"{what}: processor", 100 * cpu, "%", None, Must("at most", 5), f"of one core over {SECONDS} s"),
        Row("fleet", f"{what}: memory at most", memory / 1e6, "MB", None, Must("at most", 150)),
        Row("fleet", f"{what}: all have joined after", joining, "s", None, None, f"the manager knows {known} of them"),
    ]


def _call(server: str, path: str, body: Optional[Dict[str, Any]] = None, session: str = "") -> Any:
    request = urllib.request.Request(
        server + path, data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **({"Authorization": f"Bearer {session}"} if session else {})})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


async def _fleet(port: int, token: str, pid: int, server: str, session: str) -> Tuple[float, float, int]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    begin = time.monotonic()
    joined = 0

    def note() -> None:
        nonlocal joined
        joined += 1

    # A few at a time, as machines that are switched on one after the other.
    gate = asyncio.Semaphore(64)
    hosts = [asyncio.ensure_future(_host(number, port, token, gate, note)) for number in range(HOSTS)]
    while joined < HOSTS:
        await asyncio.sleep(0.05)
        for host in hosts:
            if host.done():
                host.result()
        if time.monotonic() > begin + 60:
            raise Trouble(f"only {joined} of {HOSTS} hosts have joined after a minute")
    joining = time.monotonic() - begin
    await asyncio.sleep(SETTLING)
    before, start = cpu_of([pid]), time.monotonic()
    await asyncio.sleep(SECONDS)
    share = (cpu_of([pid]) - before) / (time.monotonic() - start)
    known = await asyncio.get_running_loop().run_in_executor(None, _known, server, session)
    for host in hosts:
        host.cancel()
    await asyncio.gather(*hosts, return_exceptions=True)
    return share, joining, known


def _known(server: str, session: str) -> int:
    """How many hosts the manager has as active."""
    found = 0
    for kind in ("peers", "seed-peers"):
        page = 1
        while rows := _call(server, f"/api/v1/{kind}?state=active&per_page=50&page={page}", None, session):
            found += len(rows)
            page += 1
    return found


async def _host(number: int, port: int, token: str, gate: asyncio.Semaphore, note: Any) -> None:
    """A host that joins, and then has a report held all the time."""
    report: Dict[str, Any] = {
        "secret": f"secret-{number}", "known": "", "progress": [], "waitSeconds": 0,
        "counters": {
            "bytesFromSource": 0, "bytesFromPeers": 0, "bytesSent": 0, "downloads": 0, "uploads": 0,
            "uploadsRefused": 0},
        "facts": {
            "hostName": f"host-{number}", "endpoint": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}:4001",
            "site": "here", "location": "a|b", "isSeed": number % SEEDS == 0, "canUpload": True, "version": "0",
            "commit": "", "system": "linux", "platform": "debian", "platformFamily": "debian", "platformVersion": "13",
            "kernelVersion": "6", "buildPlatform": ""},
    }
    async with gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        reply = await _exchange(reader, writer, number, token, report)
    note()
    del report["facts"]
    report["waitSeconds"] = 30
    try:
        while True:
            if news := reply.get("news"):
                report["known"] = news["tag"]
            reply = await _exchange(reader, writer, number, token, report)
            if reply.get("mustIntroduce") or reply.get("refusal"):
                raise Trouble(f"host {number} is not wanted any more: {reply}")
    finally:
        writer.close()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int, token: str, report: Dict[str, Any]
) -> Any:
    body = json.dumps(report).encode()
    writer.write(
        f"POST /v1/hosts/{number + 1:016x} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    answer = await reader.readexactly(int(fields["content-length"]))
    if " 200 " not in head[0]:
        raise Trouble(f"the server answers {head[0]}: {answer.decode(errors='replace')}")
    return json.loads(answer)
