"""Downloading: to a file, and as a stream."""
from __future__ import annotations

import hashlib
import io
from typing import Callable, Optional, Sequence

from .errors import BadArguments, ChecksumMismatch, MinionError
from .orders import Headers, Order, Rate, StrPath, Trackers, get_order
from .program import Run
from .results import Progress, Result
from .telling import Telling, error_in, log_warnings

#: What a reader fetches from the program at once.
BUFFER_SIZE = 256 << 10


def get(
    url: str, dest: StrPath = ".", *, tracker: Trackers = None, tag: str = "", application: str = "",
    headers: Headers = None, digest: Optional[str] = None, ignored_query: Sequence[str] = (), site: str = "",
    download_rate: Rate = None, upload_rate: Rate = None, upload_time: Optional[float] = None, source: bool = True,
    upload: bool = True, node: bool = True, hard_link: bool = False, timeout: Optional[float] = None,
    progress: Optional[Callable[[Progress], object]] = None,
) -> Result:
    """Downloads a file, together with all other machines that want it; returns when it is complete, verified and under its
    name. An interrupted download goes on where it stopped.

    url: http or https, or the name of something that is shared (`minion:NAME`).
    dest: the file to write, or a folder, which takes the URL's last segment as the name.
    tracker: `host`, `host:port` or a URL, or several; else those of the environment's `MINION_TRACKER`. Without any, the
        file simply comes from the source.
    tag, application: downloads with different ones share nothing.
    headers: header fields for the source; no other user of this machine sees them.
    digest: what the whole file must hash to, such as `sha256:9f86…`.
    ignored_query: query parameters that do not make it another file; those of signed URLs are ignored anyway.
    site: where this machine is; machines of one site prefer each other.
    download_rate, upload_rate: bytes a second, or text such as "10M" or "80mbit".
    upload_time: seconds for which a process that stays behind passes the file on; by default what the program says (60).
    source: whether this machine may read the source; if not, every byte comes from other machines.
    upload: whether this machine passes on what it has.
    node: whether the node of this host is used if one runs.
    hard_link: whether the file may be a hard link to the node's own.
    timeout: give up after so many seconds without any progress.
    progress: called with a `Progress` several times a second. If it raises, the download ends.

    Raises a `MinionError`. A KeyboardInterrupt, or any other exception meanwhile, ends the download.
    """
    order = get_order(
        url, dest, tracker=tracker, tag=tag, application=application, headers=headers, digest=digest,
        ignored_query=ignored_query, site=site, download_rate=download_rate, upload_rate=upload_rate,
        upload_time=upload_time, source=source, upload=upload, node=node, hard_link=hard_link, timeout=timeout)
    return run_to_end(order, progress)


def run_to_end(order: Order, progress: Optional[Callable[[Progress], object]] = None) -> Result:
    """A download that reports as JSON, from its start to its end."""
    run = Run(order.arguments, order.standard_input)
    try:
        telling = Telling()
        for line in run.output:
            event, _ = telling.take(line)
            if event == "progress" and progress is not None and telling.progress is not None:
                progress(telling.progress)
        code = run.wait()
        assert code is not None
        return telling.end(code, run.words)
    finally:
        run.close()


def open(
    url: str, *, tracker: Trackers = None, tag: str = "", application: str = "", headers: Headers = None,
    digest: Optional[str] = None, ignored_query: Sequence[str] = (), site: str = "", download_rate: Rate = None,
    upload_rate: Rate = None, upload_time: Optional[float] = None, source: bool = True, upload: bool = True,
    node: bool = True, timeout: Optional[float] = None,
) -> io.BufferedReader:
    """Downloads a file as a stream: a reader of its bytes in order, while they arrive. Nothing is kept on disk.

    The arguments are those of `get`. Closing the reader early ends the download. A download that fails raises a
    `MinionError` at the read that comes to the place; so does, at the end, content that is not what `digest` says.
    """
    check = DigestCheck(digest)
    order = get_order(
        url, None, tracker=tracker, tag=tag, application=application, headers=headers, digest=None,
        ignored_query=ignored_query, site=site, download_rate=download_rate, upload_rate=upload_rate,
        upload_time=upload_time, source=source, upload=upload, node=node, hard_link=False, timeout=timeout)
    return open_order(order, check)


def open_order(order: Order, check: Optional[DigestCheck] = None) -> io.BufferedReader:
    """A reader of what a run writes to stdout."""
    return io.BufferedReader(_Stream(order, check or DigestCheck(None)), BUFFER_SIZE)


def stop_reading(reader: io.BufferedReader) -> None:
    """Ends the run behind a reader of `open_order` while another thread may read: its read ends with an error."""
    stream = reader.raw
    if isinstance(stream, _Stream):
        stream.stop()


class DigestCheck:
    """Hashes what passes by, and says in the end whether it is what was announced."""

    def __init__(self, digest: Optional[str]):
        self._digest = digest
        self._hash: Optional[hashlib._Hash] = None
        if digest is None:
            return
        name, _, self._sum = digest.lower().partition(":")
        accepted = "give one such as sha256:9f86…"
        try:
            self._hash = hashlib.new(name.replace("sha3-", "sha3_"))
        except (ValueError, TypeError):
            raise BadArguments(f"the digest {digest!r} is of no known kind", accepted) from None
        if len(self._sum) != 2 * self._hash.digest_size or set(self._sum) - set("0123456789abcdef"):
            raise BadArguments(f"{digest!r} is no digest of its kind", accepted)

    def update(self, data: bytes | memoryview) -> None:
        if self._hash is not None:
            self._hash.update(data)

    def finish(self) -> None:
        if self._hash is not None and self._hash.hexdigest() != self._sum:
            raise ChecksumMismatch(
                f"the content hashes to {self._hash.hexdigest()}, not to {self._digest}",
                "the source has other bytes than the digest says")


class _Stream(io.RawIOBase):
    """The stdout of a download. At its end, the program's exit code says whether that was all."""

    def __init__(self, order: Order, check: DigestCheck):
        super().__init__()
        self._run: Optional[Run] = None
        self._check = check
        self._error: Optional[MinionError] = None
        self._is_at_end = False
        self._run = Run(order.arguments, order.standard_input, buffered=False)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self.closed or self._run is None:
            raise ValueError("read of a closed stream")
        if self._error is not None:
            raise self._error
        if self._is_at_end:
            return 0
        view = memoryview(buffer).cast("B")
        count: Optional[int] = self._run.output.readinto(view)  # type: ignore[attr-defined]
        if count:
            self._check.update(view[:count])
            return count
        if len(view):
            self._finish(self._run)
        return 0

    def _finish(self, run: Run) -> None:
        self._is_at_end = True
        code = run.wait()
        assert code is not None
        try:
            if code != 0:
                raise error_in(code, run.words)
            self._check.finish()
        except MinionError as error:
            self._error = error
            raise
        log_warnings(run.words)

    def stop(self) -> None:
        if self._run is not None:
            self._run.stop()

    def close(self) -> None:
        run, self._run = self._run, None
        try:
            if run is not None:
                run.close()
        finally:
            super().close()
