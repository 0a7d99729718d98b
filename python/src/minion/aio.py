"""The same for asyncio: `get`, `open` and `share`. Cancelling a task ends what it runs.

    result = await minion.aio.get("https://host/disk.img", "/srv/", tracker="box:8080")

    async with minion.aio.open("https://host/files.tar", tracker="box:8080") as file:
        async for chunk in file:
            ...

    async with minion.aio.share("/srv/model.bin", "model-7", tracker="box:8080") as shared:
        await shared.wait()
"""
from __future__ import annotations

import asyncio
import subprocess
from types import TracebackType
from typing import IO, AsyncIterator, Callable, Generic, Optional, Protocol, Sequence, Type, TypeVar, Union

from .downloads import BUFFER_SIZE, DigestCheck
from .errors import MinionError, ProgramNotFound
from .orders import Headers, Order, Rate, StrPath, Trackers, get_order, share_order
from .program import PATIENCE, anonymous_file, find_program, read_words
from .results import Progress, Result
from .sharing import READY
from .telling import Telling, error_in, log_warnings

__all__ = ["Reader", "Share", "get", "open", "share"]

#: The longest line that is read from the program.
_LONGEST_LINE = 4 << 20


async def get(
    url: str, dest: StrPath = ".", *, tracker: Trackers = None, tag: str = "", application: str = "",
    headers: Headers = None, digest: Optional[str] = None, ignored_query: Sequence[str] = (), site: str = "",
    download_rate: Rate = None, upload_rate: Rate = None, upload_time: Optional[float] = None, source: bool = True,
    upload: bool = True, node: bool = True, hard_link: bool = False, timeout: Optional[float] = None,
    progress: Optional[Callable[[Progress], object]] = None,
) -> Result:
    """Downloads a file; see `minion.get`. `progress` is called on the event loop."""
    order = get_order(
        url, dest, tracker=tracker, tag=tag, application=application, headers=headers, digest=digest,
        ignored_query=ignored_query, site=site, download_rate=download_rate, upload_rate=upload_rate,
        upload_time=upload_time, source=source, upload=upload, node=node, hard_link=hard_link, timeout=timeout)
    telling = Telling()
    async with _Run(order) as run:
        async for line in run.output:
            event, _ = telling.take(line)
            if event == "progress" and progress is not None and telling.progress is not None:
                progress(telling.progress)
        return telling.end(await run.wait(), run.words)


def open(
    url: str, *, tracker: Trackers = None, tag: str = "", application: str = "", headers: Headers = None,
    digest: Optional[str] = None, ignored_query: Sequence[str] = (), site: str = "", download_rate: Rate = None,
    upload_rate: Rate = None, upload_time: Optional[float] = None, source: bool = True, upload: bool = True,
    node: bool = True, timeout: Optional[float] = None,
) -> _Opening[Reader]:
    """Downloads a file as a stream, in an `async with` block; see `minion.open`."""
    check = DigestCheck(digest)
    order = get_order(
        url, None, tracker=tracker, tag=tag, application=application, headers=headers, digest=None,
        ignored_query=ignored_query, site=site, download_rate=download_rate, upload_rate=upload_rate,
        upload_time=upload_time, source=source, upload=upload, node=node, hard_link=False, timeout=timeout)
    return _Opening(Reader(order, check))


def share(
    path: StrPath, name: Optional[str] = None, *, tracker: Trackers = None, tag: str = "", application: str = "",
    site: str = "", upload_rate: Rate = None,
    progress: Optional[Callable[[Progress], object]] = None,
) -> _Opening[Share]:
    """Offers a local file to other machines as long as an `async with` block runs; see `minion.share`."""
    order = share_order(
        path, name, tracker=tracker, tag=tag, application=application, site=site, upload_rate=upload_rate)
    return _Opening(Share(order, progress))


class Reader:
    """The bytes of a download in order, while they arrive. Iterating gives them in chunks as they come."""

    def __init__(self, order: Order, check: DigestCheck):
        self._run = _Run(order)
        self._check = check
        self._is_at_end = False
        self._error: Optional[MinionError] = None

    async def read(self, count: int = -1) -> bytes:
        """Up to `count` bytes, at least one unless the end is reached; all that is left if `count` is negative. Raises a
        `MinionError` if the download fails before."""
        if count == 0:
            return b""
        if count > 0:
            return await self._read_some(count)
        return b"".join([chunk async for chunk in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self._read_some(BUFFER_SIZE):
            yield chunk

    async def _read_some(self, count: int) -> bytes:
        if self._error is not None:
            raise self._error
        if self._is_at_end:
            return b""
        chunk = await self._run.output.read(count)
        self._check.update(chunk)
        if not chunk:
            try:
                code = await self._run.wait()
                if code != 0:
                    raise error_in(code, self._run.words)
                self._check.finish()
            except MinionError as error:
                self._error = error
                raise
            self._is_at_end = True
            log_warnings(self._run.words)
        return chunk

    async def _start(self) -> None:
        await self._run.__aenter__()

    async def close(self) -> None:
        """Ends the download if it is not complete. Calling it again does no harm."""
        await self._run.__aexit__()


class Share:
    """A file that is offered."""

    #: What others give to `get`: `minion:NAME` or a URL.
    url: str = ""
    #: The whole command for others to type.
    command: str = ""

    def __init__(self, order: Order, progress: Optional[Callable[[Progress], object]] = None):
        self._run = _Run(order)
        self._telling = Telling()
        self._progress = progress
        self._follower: Optional[asyncio.Task[None]] = None
        self._is_closed = False
        #: Whether somebody knows of the error.
        self._is_told = False

    async def _start(self) -> None:
        await self._run.__aenter__()
        async for line in self._run.output:
            event, message = self._telling.take(line)
            if event == READY:
                self.url, self.command = str(message["url"]), str(message.get("command", ""))
                self._follower = asyncio.ensure_future(self._follow())
                return
            if event == "progress" and self._progress is not None and self._telling.progress is not None:
                self._progress(self._telling.progress)
        raise self._telling.error(await self._run.wait(), self._run.words)

    async def _follow(self) -> None:
        """Reads what the program goes on to say; raises if it ends badly."""
        async for line in self._run.output:
            self._telling.take(line)
        code = await self._run.wait()
        if code != 0 and not self._is_closed:
            raise self._telling.error(code, self._run.words)

    @property
    def is_running(self) -> bool:
        """Whether others can still get it."""
        return self._follower is not None and not self._follower.done()

    async def wait(self) -> None:
        """Waits until sharing ends by itself. Raises a `MinionError` if something went wrong, such as that the file was
        changed."""
        if self._follower is not None:
            try:
                await asyncio.shield(self._follower)
            except MinionError:
                self._is_told = True
                raise

    async def close(self) -> None:
        """Ends it. Raises if it had ended before, for a reason that was not told yet."""
        had_ended = self._follower is not None and self._follower.done()
        self._is_closed = True
        await self._run.__aexit__()
        follower, self._follower = self._follower, None
        if follower is not None:
            try:
                await follower
            except MinionError:
                if had_ended and not self._is_told:
                    raise


class _Openable(Protocol):
    async def _start(self) -> None: ...

    async def close(self) -> None: ...


_Opened = TypeVar("_Opened", bound=_Openable)


class _Opening(Generic[_Opened]):
    """What runs as long as an `async with` block does."""

    def __init__(self, opened: _Opened):
        self._opened = opened

    async def __aenter__(self) -> _Opened:
        try:
            await self._opened._start()
        except BaseException:
            await self._opened.close()
            raise
        return self._opened

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        try:
            await self._opened.close()
        except MinionError:
            if error is None:
                raise


class _Run:
    """A running `minion` in an event loop. Whatever ends the block ends it."""

    def __init__(self, order: Order):
        self._order = order
        self._process: Optional[asyncio.subprocess.Process] = None
        self._errors: Optional[IO[bytes]] = None

    async def __aenter__(self) -> _Run:
        program = find_program()
        self._errors = anonymous_file()
        stdin: Union[int, IO[bytes]] = subprocess.DEVNULL
        try:
            if self._order.standard_input:
                stdin = anonymous_file(self._order.standard_input)
            self._process = await asyncio.create_subprocess_exec(
                program, *self._order.arguments, stdin=stdin, stdout=subprocess.PIPE, stderr=self._errors,
                limit=_LONGEST_LINE)
        except OSError as error:
            raise ProgramNotFound(f"{program} cannot be started: {error.strerror}") from error
        finally:
            if not isinstance(stdin, int):
                stdin.close()
            if self._process is None:
                self._errors.close()
        return self

    @property
    def output(self) -> asyncio.StreamReader:
        if self._process is None or self._process.stdout is None:
            raise ValueError("it has not been started: use 'async with'")
        return self._process.stdout

    @property
    def words(self) -> bytes:
        return b"" if self._errors is None or self._errors.closed else read_words(self._errors)

    async def wait(self) -> int:
        assert self._process is not None
        return await self._process.wait()

    async def __aexit__(self, *_: object) -> None:
        process = self._process
        if process is None:
            return
        try:
            if process.returncode is None:
                process.terminate()
                try:
                    await asyncio.wait_for(self._drain(process), PATIENCE)
                except asyncio.TimeoutError:
                    pass
        except ProcessLookupError:
            pass
        finally:
            # Also if the task is cancelled once more.
            if process.returncode is None:
                try:
                    process.kill()
                except ProcessLookupError:
                    pass
                await self._drain(process)
            if self._errors is not None:
                self._errors.close()

    @staticmethod
    async def _drain(process: asyncio.subprocess.Process) -> None:
        """Waits for the end. A process whose output nobody reads may never be reported as ended."""
        try:
            while process.stdout is not None and await process.stdout.read(BUFFER_SIZE):
                pass
        except RuntimeError:
            pass  # another task reads it
        await process.wait()
