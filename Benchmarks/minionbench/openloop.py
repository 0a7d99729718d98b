"""Requests that are due at fixed times, whatever becomes of those before them."""
from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import List, Optional, Sequence, Tuple

from .tools import Trouble

#: Seconds after the last one is due in which all answers have to be there.
PATIENCE = 30
LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)


@dataclass(frozen=True)
class Ask:
    """A request as it goes over the connection, and the body of its answer; None if that may change."""

    what: str
    request: bytes
    body: Optional[bytes]


@dataclass
class Outcome:
    #: Seconds from when each was due until its answer was there.
    latencies: List[float] = field(default_factory=list)
    #: What came instead of right answers.
    faults: List[str] = field(default_factory=list)
    #: Seconds that the requests went out later than they were due.
    lateness: List[float] = field(default_factory=list)


def drive(address: Tuple[str, int], asks: Sequence[Ask], rate: float, connections: int) -> Outcome:
    """Sends all, `rate` a second, over connections that are kept. Who is due and finds none free has to wait for one; the wait
    counts."""
    outcome = Outcome()
    try:
        asyncio.run(asyncio.wait_for(_drive(address, asks, rate, connections, outcome), len(asks) / rate + PATIENCE))
    except asyncio.TimeoutError:
        raise Trouble(f"{len(asks) - len(outcome.latencies)} of {len(asks)} requests are not answered") from None
    except OSError as error:
        raise Trouble(f"the server takes no connections: {error}") from None
    return outcome


async def _drive(
    address: Tuple[str, int], asks: Sequence[Ask], rate: float, connections: int, outcome: Outcome
) -> None:
    numbers = iter(range(len(asks)))
    open_ones = [await asyncio.open_connection(*address) for _ in range(connections)]
    begin = time.monotonic() + 0.1

    async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in numbers:
            ask = asks[number]
            due = begin + number / rate
            if (pause := due - time.monotonic()) > 0:
                await asyncio.sleep(pause)
            outcome.lateness.append(time.monotonic() - due)
            try:
                fault = await exchange(reader, writer, ask)
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
                fault = f"{ask.what}: {error!r}"
                writer.close()
                reader, writer = await asyncio.open_connection(*address)
            outcome.latencies.append(time.monotonic() - due)
            if fault:
                outcome.faults.append(fault)
        writer.close()

    await asyncio.gather(*(work(*one) for one in open_ones))


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ask: Ask) -> Optional[str]:
    """One request and its answer; what is wrong with that, if anything is."""
    writer.write(ask.request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = LENGTH.search(head)
    body = await reader.readexactly(int(length[1])) if length else b""
    if not head.startswith(b"HTTP/1.1 200 "):
        return f"{ask.what}: {head.partition(bytes((13, 10)))[0].decode(errors='replace')}"
    if length is None:
        raise Trouble(f"the answer to {ask.what} has no length")
    if ask.body is not None and body != ask.body:
        return f"{ask.what}: another answer than before"
    return None
