"""What `minion get --trace FILE` wrote: read, checked, and put together to requests, reads and arrivals."""
from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

SOURCE = "source"
#: More pieces than any version has; a trace that tells of more is damaged.
MOST_PIECES = 1 << 22
MOST_SECONDS = 1e8

Span = Tuple[float, float]


class Trouble(Exception):
    """Ends the program with one line for the reader."""


@dataclass
class Request:
    """One piece asked of one neighbour. `end` is None while it is under way."""

    piece: int
    peer: str
    asked: float
    #: When its first byte came; None if the trace does not tell.
    begun: Optional[float] = None
    end: Optional[float] = None
    outcome: str = ""
    #: Whether the same piece was under way from somebody else when it was asked for.
    is_hedge: bool = False


@dataclass
class Read:
    """A run of pieces read from the source."""

    at: float
    pieces: range
    #: When its latest piece came, and which pieces are still to come.
    latest: float = 0.0
    missing: set = field(default_factory=set)
    end: Optional[float] = None


@dataclass
class Arrival:
    """A piece that came: asked for or leased at `asked`, on its way at the latest since `begun`, there at `at`."""

    piece: int
    peer: str
    asked: float
    begun: float
    at: float


@dataclass
class Trip:
    """A report to the tracker and its answer."""

    sent: float
    answered: Optional[float] = None
    leased: int = 0


class Trace:
    """One host's download."""

    def __init__(self, name: str):
        self.name = name
        self.warnings: List[str] = []
        self.clock: Optional[float] = None  # of the wall, in seconds, when t was 0
        self.size = 0
        self.piece_size = 0
        self.opened = 0
        self.begin = 0.0
        self.end = 0.0
        self.is_complete = False
        self.failure = ""
        self.requests: List[Request] = []
        self.reads: List[Read] = []
        self.arrivals: List[Arrival] = []
        self.offers: Dict[int, float] = {}
        self.trips: List[Trip] = []
        self.neighbours: Dict[str, float] = {}
        self._open_requests: Dict[Tuple[int, str], Request] = {}
        self._open_reads: List[Read] = []

    # What it says.

    @property
    def pieces(self) -> int:
        return -(-self.size // self.piece_size) if self.piece_size else 0

    def length(self, piece: int) -> int:
        return min(self.piece_size, self.size - piece * self.piece_size)

    def bytes_from(self, peer: str) -> int:
        return sum(self.length(arrival.piece) for arrival in self.arrivals if arrival.peer == peer)

    def bytes_by_peer(self) -> Dict[str, int]:
        """Of neighbours only, the largest first."""
        sums: Dict[str, int] = {}
        for arrival in self.arrivals:
            if arrival.peer != SOURCE:
                sums[arrival.peer] = sums.get(arrival.peer, 0) + self.length(arrival.piece)
        return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))

    def had(self) -> Dict[int, float]:
        """When each piece was there: when it came, or, if it lay on the disk, when it was first offered."""
        times = dict(self.offers)
        times.update((arrival.piece, arrival.at) for arrival in self.arrivals)
        return times

    def kept(self) -> List[int]:
        """Pieces that were on the disk from an earlier try."""
        came = {arrival.piece for arrival in self.arrivals}
        return [piece for piece in self.offers if piece not in came]

    def under_way(self) -> List[Span]:
        """Every request and every read, as far as the trace tells when it ended."""
        spans = [(request.asked, self._until(request.end)) for request in self.requests]
        spans += [(read.at, self._until(read.end)) for read in self.reads]
        return [(start, end) for start, end in spans if end > start]

    def _until(self, end: Optional[float]) -> float:
        return self.end if end is None else min(end, self.end)

    def idle(self) -> List[Span]:
        """When nothing was on its way here, until the end of the download."""
        gaps, free = [], self.begin
        for start, end in sorted(self.under_way()):
            if start > free:
                gaps.append((free, start))
            free = max(free, end)
        if free < self.end:
            gaps.append((free, self.end))
        return gaps

    def shift(self, seconds: float) -> None:
        """Moves all times."""
        self.begin += seconds
        self.end += seconds
        for request in self.requests:
            request.asked += seconds
            request.begun = None if request.begun is None else request.begun + seconds
            request.end = None if request.end is None else request.end + seconds
        for read in self.reads:
            read.at += seconds
            read.latest += seconds
            read.end = None if read.end is None else read.end + seconds
        for arrival in self.arrivals:
            arrival.asked += seconds
            arrival.begun += seconds
            arrival.at += seconds
        for trip in self.trips:
            trip.sent += seconds
            trip.answered = None if trip.answered is None else trip.answered + seconds
        self.offers = {piece: at + seconds for piece, at in self.offers.items()}

    # What it is told.

    def take(self, event: Dict[str, Any]) -> None:
        """Raises ValueError with what is wrong with it."""
        now = _number(event, "t")
        kind = event.get("e")
        if not isinstance(kind, str):
            raise ValueError("no event ('e')")
        if not 0 <= now <= MOST_SECONDS:
            raise ValueError(f"the time {now:g} is out of bounds")
        if self.is_complete:
            return  # what it does for others afterwards is not drawn
        self.end = max(self.end, now)
        handler = getattr(self, "_on_" + kind.replace("-", "_"), None)
        if handler is not None:
            handler(event, now)

    def _on_start(self, event: Dict[str, Any], now: float) -> None:
        if "unix_ms" in event:
            self.clock = _number(event, "unix_ms") / 1000 - now

    def _on_open(self, event: Dict[str, Any], now: float) -> None:
        size, piece_size = int(_number(event, "size")), int(_number(event, "piece_size"))
        if size < 0 or piece_size < 1 or size > piece_size * MOST_PIECES:
            raise ValueError(f"{size} bytes in pieces of {piece_size} make no sense")
        self.size, self.piece_size = size, piece_size
        self.opened += 1
        # Another version: nothing that came before counts any more.
        for request in self._open_requests.values():
            request.end, request.outcome = now, "cancelled"
        for read in self._open_reads:
            read.end = now
        self.requests, self.reads, self.arrivals, self.offers = [], [], [], {}
        self._open_requests, self._open_reads = {}, []

    def _on_report(self, event: Dict[str, Any], now: float) -> None:
        self.trips.append(Trip(now))

    def _on_reply(self, event: Dict[str, Any], now: float) -> None:
        # The trace does not number them: answers come in the order of the reports.
        trip = next((trip for trip in self.trips[-8:] if trip.answered is None), None)
        if trip:
            trip.answered, trip.leased = now, int(_number(event, "leased", 0))

    def _on_connected(self, event: Dict[str, Any], now: float) -> None:
        self.neighbours.setdefault(_peer(event), now)

    def _on_lease(self, event: Dict[str, Any], now: float) -> None:
        first, count = self._piece(event, "first"), int(_number(event, "count"))
        if count < 1 or first + count > self.pieces:
            raise ValueError(f"{count} pieces from {first} on, of {self.pieces}")
        run = range(first, first + count)
        read = Read(now, run, latest=now, missing=set(run))
        self.reads.append(read)
        self._open_reads.append(read)

    def _on_read_ended(self, event: Dict[str, Any], now: float) -> None:
        first = self._piece(event, "first")
        for read in [read for read in self._open_reads if read.pieces.start == first]:
            self._end(read, now)

    def _on_ask(self, event: Dict[str, Any], now: float) -> None:
        piece, peer = self._piece(event), _peer(event)
        request = Request(piece, peer, now)
        request.is_hedge = any(other.piece == piece for other in self._open_requests.values())
        self.requests.append(request)
        self._open_requests[piece, peer] = request

    def _on_begin(self, event: Dict[str, Any], now: float) -> None:
        request = self._open_requests.get((self._piece(event), _peer(event)))
        if request and request.begun is None:
            request.begun = now

    def _on_failed(self, event: Dict[str, Any], now: float) -> None:
        why = event.get("why")
        self._close((self._piece(event), _peer(event)), now, why if isinstance(why, str) else "failed")

    def _on_cancel(self, event: Dict[str, Any], now: float) -> None:
        self._close((self._piece(event), _peer(event)), now, "cancelled")

    def _on_lost(self, event: Dict[str, Any], now: float) -> None:
        peer = _peer(event)
        for key in [key for key in self._open_requests if key[1] == peer]:
            self._close(key, now, "lost")

    def _on_disconnect(self, event: Dict[str, Any], now: float) -> None:
        self._on_lost(event, now)

    def _on_got(self, event: Dict[str, Any], now: float) -> None:
        piece, peer = self._piece(event), _peer(event, SOURCE)
        asked = begun = now
        if peer == SOURCE:
            for read in [read for read in self._open_reads if piece in read.missing][:1]:
                asked, begun = read.at, read.latest
                read.latest = now
                read.missing.discard(piece)
                if not read.missing:
                    self._end(read, now)
        else:
            request = self._open_requests.get((piece, peer))
            if request:
                asked = request.asked
                begun = asked if request.begun is None else request.begun
                self._close((piece, peer), now, "verified")
        # Whoever else was asked for it is no longer waited for.
        for key in [key for key in self._open_requests if key[0] == piece]:
            self._close(key, now, "cancelled")
        self.arrivals.append(Arrival(piece, peer, asked, begun, now))

    def _on_offer(self, event: Dict[str, Any], now: float) -> None:
        self.offers.setdefault(self._piece(event), now)

    def _on_complete(self, event: Dict[str, Any], now: float) -> None:
        self.is_complete, self.end = True, now

    def _on_fail(self, event: Dict[str, Any], now: float) -> None:
        why = event.get("why")
        self.failure = why if isinstance(why, str) else "failed"

    def _close(self, key: Tuple[int, str], now: float, outcome: str) -> None:
        request = self._open_requests.pop(key, None)
        if request:
            request.end, request.outcome = now, outcome

    def _end(self, read: Read, now: float) -> None:
        read.end = now
        self._open_reads.remove(read)

    def _piece(self, event: Dict[str, Any], name: str = "piece") -> int:
        if not self.opened:
            raise ValueError("a piece before 'open'")
        piece = _number(event, name)
        if piece != int(piece) or not 0 <= piece < self.pieces:
            raise ValueError(f"piece {piece:g} of {self.pieces}")
        return int(piece)


def _number(event: Dict[str, Any], name: str, default: Optional[float] = None) -> float:
    value = event.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e18 or math.isnan(value):
        raise ValueError(f"no number {name!r}")
    return value


def _peer(event: Dict[str, Any], default: str = "") -> str:
    # Ids of 16 decimal digits or fewer would be written as numbers.
    value = event.get("peer", default)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or not str(value) or len(str(value)) > 64:
        raise ValueError("no 'peer'")
    return str(value)


def read_trace(path: str, name: str) -> Trace:
    """Raises Trouble with one line about what is wrong."""
    try:
        text = Path(path).read_bytes().decode("utf-8", errors="replace")
    except OSError as error:
        raise Trouble(f"{path}: {error.strerror or error}") from None
    lines = text.split("\n")
    is_cut = lines[-1] != ""
    trace = Trace(name)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
            if not isinstance(event, dict):
                raise ValueError("no JSON object")
        except (ValueError, RecursionError) as error:
            if is_cut and number == len(lines):
                trace.warnings.append(f"{path}: line {number} is cut off and left out")
                break
            why = "no JSON" if isinstance(error, (json.JSONDecodeError, RecursionError)) else str(error)
            raise Trouble(f"{path}: line {number}: {why}") from None
        try:
            trace.take(event)
        except ValueError as error:
            raise Trouble(f"{path}: line {number}: {error}") from None
    if not text.strip():
        raise Trouble(f"{path}: the trace is empty")
    if not trace.opened:
        raise Trouble(f"{path}: the download did not get as far as to know the file; there is nothing to draw")
    if not trace.pieces:
        raise Trouble(f"{path}: the file has no bytes; there is nothing to draw")
    if trace.opened > 1:
        trace.warnings.append(f"{path}: the source's file changed {trace.opened - 1} times; only the last version is shown")
    return trace


def names_of(paths: List[str]) -> List[str]:
    """Short names that differ: the file's, or its folder's where all files are called alike."""
    parts = [Path(path).parts for path in paths]
    if len(paths) == 1:
        return [str(Path(*parts[0][-2:]))]
    for depth in range(1, max(map(len, parts)) + 1):
        names = [Path(*part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            # What all end in alike says nothing.
            shorter = [str(name.parent) for name in names]
            if depth > 1 and len({name.name for name in names}) == 1 and "." not in shorter:
                return shorter
            return [str(name) for name in names]
    return paths


def aligned(traces: List[Trace]) -> bool:
    """Whether the traces tell when they began; if so, their times are shifted to one clock, 0 being the first start."""
    if any(trace.clock is None for trace in traces):
        return False
    first = min(trace.clock or 0.0 for trace in traces)
    for trace in traces:
        trace.shift((trace.clock or 0.0) - first)
    return True


# --- Numbers ----------------------------------------------------------------------------------------------------------


def total(spans: List[Span]) -> float:
    return sum(end - start for start, end in spans)


def numbers(trace: Trace) -> Dict[str, Any]:
    """What a script wants to know of one host."""
    came = sorted(arrival.at for arrival in trace.arrivals)
    trips = sorted(trip.answered - trip.sent for trip in trace.trips if trip.answered is not None)
    idle = trace.idle()
    return {
        "name": trace.name,
        "complete": trace.is_complete,
        "seconds": round(trace.end, 6),
        "size": trace.size,
        "pieces": trace.pieces,
        "pieces_on_disk": len(trace.kept()),
        "bytes_from_source": trace.bytes_from(SOURCE),
        "bytes_from_peers": sum(trace.bytes_by_peer().values()),
        "neighbours": len(set(trace.neighbours) | {request.peer for request in trace.requests}),
        "neighbours_that_gave": len(trace.bytes_by_peer()),
        "first_piece_seconds": round(came[0], 6) if came else None,
        "idle_seconds": round(total(idle), 6),
        "idle_after_first_piece_seconds":
            round(total([(max(start, came[0]), end) for start, end in idle if end > came[0]]), 6) if came else None,
        "requests": len(trace.requests),
        "requests_hedged": sum(request.is_hedge for request in trace.requests),
        "requests_failed": sum(is_failure(request) for request in trace.requests),
        "leases": len(trace.reads),
        "reports": len(trace.trips),
        "report_median_seconds": round(trips[len(trips) // 2], 6) if trips else None,
    }


def is_failure(request: Request) -> bool:
    return request.outcome not in ("", "verified", "cancelled")


def swarm_numbers(traces: List[Trace]) -> Dict[str, Any]:
    ends = [trace.end for trace in traces]
    had = [trace.had() for trace in traces]
    spreads = []
    for piece in range(traces[0].pieces):
        times = [times[piece] for times in had if piece in times]
        if len(times) == len(traces):
            spreads.append(max(times) - min(times))
    spreads.sort()
    source = sum(trace.bytes_from(SOURCE) for trace in traces)
    return {
        "hosts": len(traces),
        "complete": sum(trace.is_complete for trace in traces),
        "seconds": round(max(ends), 6),
        "mean_seconds": round(sum(ends) / len(ends), 6),
        "bytes_from_source": source,
        "bytes_from_peers": sum(sum(trace.bytes_by_peer().values()) for trace in traces),
        "copies_from_source": round(source / traces[0].size, 4),
        "idle_mean_seconds": round(sum(total(trace.idle()) for trace in traces) / len(traces), 6),
        "piece_spread_median_seconds": round(spreads[len(spreads) // 2], 6) if spreads else None,
    }
