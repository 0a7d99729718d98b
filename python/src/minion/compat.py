"""The first Minion's class, so that its scripts run after changing the import:

    from minion.compat import Minions, NoPeersFound

    minions = Minions("http://host/file", download_dest="/srv/file", tracker="box:8080", fallback=True)
    minions.download_res(callback=print, cb_kwargs={"end": "done"}, thread=True)
    minions.wait_for_res()
    ...                          # others are served
    minions.close()

What it does is done by the program `minion`. New scripts rather use `minion.get` and `minion.share`.
"""
from __future__ import annotations

import atexit
import io
import logging
import os
import re
import sys
import threading
import time as clock
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Set, Tuple, Union
from urllib.parse import urlsplit

from . import downloads, old_tracker
from .errors import (
    BadArguments, ChecksumMismatch, Failed, HostNotFound, MinionError, SourceUnreachable, Stopped, TrackerUnreachable,
)
from .orders import Order, Rate, get_order, share_order
from .program import Run
from .results import Progress
from .sharing import Share
from .telling import Telling

__all__ = [
    "ChunkNotReady", "DownloadError", "IncompleteRead", "Minions", "NoPeersFound", "OriginURLConnectError", "PeerOverload",
    "PieceChecksumError", "PieceFile", "RateTooSlow", "TrackerUnavailable", "UnknowStrict",
]

Peer = Tuple[str, int]


class NoPeersFound(Failed):
    """Nobody has the resource, and the origin may not be asked."""


class TrackerUnavailable(TrackerUnreachable):
    """The tracker does not answer, or not with what it should."""


class UnknowStrict(BadArguments):
    """`strict` is not "site", or the site is not known."""


class DownloadError(Failed):
    """A download failed for a reason without a class of its own."""


class OriginURLConnectError(SourceUnreachable):
    """The origin cannot be connected to."""


class PieceChecksumError(ChecksumMismatch):
    """What came is not what it should be."""


class PeerOverload(Failed):
    """Not raised any more: a busy peer is a matter of the program's."""


class ChunkNotReady(Failed):
    """Not raised any more."""


class IncompleteRead(Failed):
    """Not raised any more."""


class RateTooSlow(Failed):
    """Not raised any more."""


class PieceFile:
    """The file of a download or an upload, as far as scripts looked at it."""

    def __init__(self, filepath: str):
        self.filepath = filepath

    def get_real_filesize(self) -> int:
        return os.stat(self.filepath).st_size


class Minions:
    """One resource: downloaded, served, or both. It is served until `close`, and the script does not end before."""

    #: Seconds in which the first Minion told the tracker that it lived. The program has a pace of its own.
    TIME_TO_TRACKER = 60
    #: Seconds for which a resource that was downloaded in order (`disorder=False`) is served afterwards.
    UPLOAD_TIME = 60
    #: Seconds for which a peer is on the black list unless told otherwise.
    BLACK_TIME = 30

    logger = logging.getLogger("minions")

    def __init__(
        self, res_url: str, download_dest: Optional[str] = None, tracker: Optional[str] = None,
        upload_res_url: Optional[str] = None, upload_filepath: Optional[str] = None, download_rate: Rate = None,
        upload_rate: Rate = None, strict: Optional[str] = None, fallback: bool = False, disorder: bool = True,
    ):
        """res_url: what is fetched.
        download_dest: the file to write.
        tracker: `host` or `host:port`; needed.
        upload_res_url: the name that peers know it by, if that is not `res_url`: either the same URL less some query
            parameters, or any other name.
        strict: "site" to start only if a peer of this site has it; see `set_adt_info`.
        fallback: whether the origin may be read.
        disorder: if not, the file is written in order, under its name, while it arrives.
        """
        if not tracker:
            raise ValueError("tracker required")
        self.res_url = res_url
        self.download_dest = download_dest
        self.tracker = tracker
        self.upload_res_url = upload_res_url or res_url
        self.upload_filepath = upload_filepath or download_dest
        self.download_rate = download_rate
        self.upload_rate = upload_rate
        self.strict = strict
        self.fallback = fallback
        self.disorder = disorder
        self.download_thread: Optional[_Thread] = None
        self.piece_file: Optional[PieceFile] = None
        self.peers: List[Peer] = []
        #: Where the program serves this resource, once it does.
        self.port: Optional[int] = None
        self.res_is_downloaded = False
        self._adt_info: Mapping[str, str] = {}
        self._is_activated = True
        self._black_list: Dict[Peer, float] = {}
        self._lock = threading.Lock()
        self._progress: Optional[Progress] = None
        self._cursor = 0
        #: What is running: a download, which serves too, or the sharing of a file.
        self._work: Union[_Getting, _Sharing, io.BufferedReader, None] = None

    # Whether it is active.

    def activate(self) -> None:
        self._is_activated = True

    def deactivate(self) -> None:
        """Ends a running download."""
        self._is_activated = False
        if not self.res_is_downloaded:
            self._end_work()

    def is_activated(self) -> bool:
        return self._is_activated

    def close(self) -> None:
        """Ends everything."""
        self.deactivate()
        self.stop_upload()

    # Downloading.

    def download_res(
        self, rate: Rate = None, callback: Optional[Callable[..., object]] = None,
        cb_kwargs: Optional[Mapping[str, Any]] = None, thread: bool = False,
    ) -> None:
        """Downloads to `download_dest`, and calls `callback(**cb_kwargs)` when that is complete. With `thread` it returns at
        once; `wait_for_res` then waits, and raises what went wrong."""
        if rate:
            self.download_rate = rate
        if thread:
            self.download_thread = _Thread(self._download, callback, cb_kwargs)
            self.download_thread.start()
        else:
            self._download(callback, cb_kwargs)

    def _download(
        self, callback: Optional[Callable[..., object]] = None, cb_kwargs: Optional[Mapping[str, Any]] = None
    ) -> None:
        if self.download_dest is None:
            raise BadArguments("there is no download_dest to download to")
        try:
            with _first_minions_errors(self.res_url):
                self._fetch()
        except NoPeersFound:
            self.deactivate()
            raise
        self.res_is_downloaded = True
        if callback is not None:
            callback(**(cb_kwargs or {}))

    def _fetch(self) -> None:
        if self.strict:
            self._check_site()
        has_origin = "://" in self.res_url
        ignored = _ignored_parameters(self.res_url, self.upload_res_url)
        if has_origin and ignored is not None:
            return self._get(self.res_url, ignored, self.fallback)
        # Known to peers by another name, of which the origin knows nothing.
        try:
            with _first_minions_errors(self.res_url):
                return self._get(self._name, [], False)
        except NoPeersFound:
            if not self.fallback or not has_origin:
                raise
        self._get(self.res_url, [], True)
        self._end_work()
        self._share(self.download_dest or "")

    def _check_site(self) -> None:
        try:
            self.get_peers()
        except NoPeersFound:
            if not self.fallback:
                raise

    def _get(self, url: str, ignored: List[str], source: bool) -> None:
        assert self.download_dest is not None
        port = old_tracker.free_port()
        order = get_order(
            url, self.download_dest if self.disorder else None, tracker=self.tracker, tag="", application="", headers=None,
            digest=None, ignored_query=ignored, site=self._adt_info.get("site", ""), download_rate=self.download_rate,
            upload_rate=self.upload_rate, upload_time=None if self.disorder else self.UPLOAD_TIME, source=source,
            upload=True, node=False, hard_link=False, timeout=None)
        listen = f"--listen=:{port}"
        if not self.disorder:
            return self._stream(Order([order.arguments[0], listen, *order.arguments[1:]], order.standard_input))
        arguments = [order.arguments[0], listen, "--foreground", *order.arguments[1:]]
        getting = _Getting(Order(arguments, order.standard_input), self._note)
        self._begin(getting, port)
        path = getting.wait_until_complete()
        self.piece_file = PieceFile(path)
        self._cursor = self.res_downloaded_size()

    def _stream(self, order: Order) -> None:
        """Writes the file in order. The program passes it on from a copy of its own, also for a while afterwards."""
        assert self.download_dest is not None
        with downloads.open_order(order) as reader, open(self.download_dest, "wb") as file:
            self._begin(reader, None)
            self.piece_file = PieceFile(self.download_dest)
            while chunk := reader.read1():
                file.write(chunk)
                file.flush()
                self._cursor += len(chunk)

    def _note(self, progress: Progress) -> None:
        self._progress = progress

    def res_downloaded_size(self) -> int:
        return self._progress.bytes_done if self._progress is not None else self._cursor

    def get_file_cursor(self) -> int:
        """How many bytes from the file's beginning can be read under its name: all or nothing, unless `disorder` is false."""
        return self._cursor

    def res_is_ready(self) -> bool:
        return self.res_is_downloaded

    def wait_for_res(self) -> bool:
        """Waits for a download in a thread; raises what went wrong there."""
        if self.download_thread is not None:
            self.download_thread.join()
        elif not self.res_is_downloaded:
            raise DownloadError("there is no download to wait for", "call download_res(thread=True) first")
        return True

    def check_download_thread(self) -> Optional[bool]:
        """Whether the download still runs; raises what went wrong if it does not."""
        if self.download_thread is None:
            return None
        if self.download_thread.is_alive():
            return True
        self.download_thread.join()
        return None

    def get_num_peer_in_conn(self) -> int:
        return 0 if self._progress is None or self.res_is_downloaded else self._progress.neighbours

    # Serving.

    def upload_res(
        self, path: Optional[str] = None, piece_file: Optional[PieceFile] = None, res_name: Optional[str] = None,
        rate: Rate = None,
    ) -> None:
        """Serves a file; returns when others can get it. What was downloaded is served without this."""
        if res_name:
            self.upload_res_url = res_name
        if path:
            self.upload_filepath = path
        if rate:
            self.upload_rate = rate
        if piece_file is not None:
            self.piece_file = piece_file
        if path is None and self.piece_file is None:
            raise ValueError("The file that is uploaded should be downloaded before, or its path be given")
        if path is None and piece_file is None and res_name is None and self.is_uploading():
            return
        self._end_work()
        with _first_minions_errors(self.res_url):
            self._share(path or (self.piece_file.filepath if self.piece_file is not None else ""))

    def _share(self, path: str) -> None:
        port = old_tracker.free_port()
        order = share_order(
            path, self._name, tracker=self.tracker, tag="", application="", site=self._adt_info.get("site", ""),
            upload_rate=self.upload_rate)
        sharing = _Sharing(Order([order.arguments[0], f"--listen=:{port}", *order.arguments[1:]]))
        self.piece_file = PieceFile(path)
        self._begin(sharing, port)

    @property
    def _name(self) -> str:
        """The resource as the program is told it: a plain name is not a URL."""
        return self.upload_res_url if "://" in self.upload_res_url else f"minion:{self.upload_res_url}"

    def start_ready_upload_thread(self) -> None:
        """Nothing: what is downloaded is served from its first piece on."""

    def is_uploading(self) -> bool:
        work = self._work
        if isinstance(work, _Sharing):
            return work.is_running
        return isinstance(work, _Getting) and work.is_running and self.res_downloaded_size() > 0

    def is_wait_uploading(self) -> bool:
        """Whether serving waits for the first piece."""
        work = self._work
        return isinstance(work, _Getting) and work.is_running and self.res_downloaded_size() == 0

    def stop_upload(self) -> None:
        """Ends serving. A download that is not complete ends with it."""
        self._end_work()

    def uploader_termiante(self) -> None:
        self.stop_upload()

    def stop_pyinotify(self) -> None:
        """Nothing: the program itself sees when a file that it serves is changed."""

    # The tracker.

    def set_adt_info(self, adt_info: Mapping[str, str]) -> None:
        """`{"site": …}`: where this machine is."""
        self._adt_info = dict(adt_info or {})

    def get_peers(self) -> List[Peer]:
        """Who has it, less this one and those on the black list. Raises `NoPeersFound` if nobody is left."""
        site = None
        if self.strict:
            if self.strict != "site":
                raise UnknowStrict(f"strict = {self.strict}", 'it is "site" or nothing')
            site = self._adt_info.get("site")
            if not site:
                raise UnknowStrict('strict = "site", and the site is not known', 'call set_adt_info({"site": …}) first')
        with self._tracker_errors():
            found = old_tracker.peers(self.tracker, self._name, site)
            if not found and self._name != self.upload_res_url:
                found = old_tracker.peers(self.tracker, self.upload_res_url, site)
        black = set(self.get_blacklist())
        peers = [
            peer for peer in found
            if peer not in black and not (peer[1] == self.port and old_tracker.is_own_address(peer[0]))
        ]
        if not peers:
            raise NoPeersFound(f"no peers found that have {self.upload_res_url}")
        self.peers = peers
        return peers

    def add_to_tracker(self) -> None:
        """Nothing: the program tells the tracker itself, as long as it serves."""

    def del_myself_from_tracker(self) -> None:
        """Ends serving, and with it what the tracker knows of it."""
        self.stop_upload()

    def del_from_tracker(self, ip: str, peer_port: int) -> None:
        """Asks the tracker to forget a peer; it does so for the address that announced it."""
        try:
            for name in {self._name, self.upload_res_url}:
                old_tracker.forget(self.tracker, name, ip, peer_port)
        except (OSError, ValueError) as error:
            self.logger.error("the tracker does not forget %s:%s: %s", ip, peer_port, error)

    @contextmanager
    def _tracker_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            raise TrackerUnavailable(f"the tracker {self.tracker} cannot be used: {error}") from error

    # The black list, which counts for `get_peers`.

    def add_to_blacklist(self, peer: Peer, time: Optional[float] = None) -> None:
        with self._lock:
            self._black_list[(peer[0], int(peer[1]))] = clock.monotonic() + (self.BLACK_TIME if time is None else time)

    def get_blacklist(self) -> List[Peer]:
        with self._lock:
            now = clock.monotonic()
            self._black_list = {peer: until for peer, until in self._black_list.items() if until > now}
            return list(self._black_list)

    # What runs.

    def _begin(self, work: Union[_Getting, _Sharing, io.BufferedReader], port: Optional[int]) -> None:
        self._work, self.port = work, port
        _at_work.add(self)
        if not self._is_activated:
            self._end_work()

    def _end_work(self) -> None:
        work, self._work = self._work, None
        self.port = None
        _at_work.discard(self)
        if isinstance(work, io.BufferedReader):
            # The thread that reads is not to be waited for, so the reader itself is left to it.
            downloads.stop_reading(work)
        elif work is not None:
            work.close()


class _Thread(threading.Thread):
    """Raises in `join` what was raised in it."""

    def __init__(self, work: Callable[..., object], *arguments: object):
        super().__init__(name="minions download")
        self._work = work
        self._arguments = arguments
        self._error: Optional[BaseException] = None

    def run(self) -> None:
        try:
            self._work(*self._arguments)
        except BaseException as error:
            # Nobody may ever ask for it.
            Minions.logger.error("%s", error)
            self._error = error

    def join(self, timeout: Optional[float] = None) -> None:
        super().join(timeout)
        if self._error is not None and not self.is_alive():
            raise self._error


class _Getting:
    """A download that goes on serving when it is complete."""

    def __init__(self, order: Order, note: Callable[[Progress], None]):
        self._telling = Telling()
        self._note = note
        self._run = Run(order.arguments, order.standard_input)
        self._complete = threading.Event()
        self._error: Optional[MinionError] = None
        # No daemon: a script that has nothing else to do goes on serving.
        self._follower = threading.Thread(target=self._follow, name="minions upload")
        self._follower.start()

    def _follow(self) -> None:
        try:
            for line in self._run.output:
                event, message = self._telling.take(line)
                if event in ("progress", "finished"):
                    self._note(Progress.of(message))
                if event == "finished":
                    self._complete.set()
            code = self._run.wait() or 0
            if self._telling.result() is None:
                self._error = self._telling.error(code, self._run.words)
        except MinionError as error:
            self._error = error
            self._run.stop()
        finally:
            self._complete.set()

    def wait_until_complete(self) -> str:
        """Where the file is."""
        try:
            self._complete.wait()
        except BaseException:
            self.close()
            raise
        if self._error is not None:
            raise self._error
        result = self._telling.result()
        assert result is not None
        return str(result.path)

    @property
    def is_running(self) -> bool:
        return self._follower.is_alive()

    def close(self) -> None:
        self._run.stop()
        if self._follower is not threading.current_thread():
            self._follower.join()
            self._run.close()


class _Sharing:
    """A shared file, and a thread that keeps the script alive as long as others can get it."""

    def __init__(self, order: Order):
        self._share = Share(order)
        self._keeper = threading.Thread(target=self._keep, name="minions upload")
        self._keeper.start()

    def _keep(self) -> None:
        try:
            self._share.wait()
        except MinionError as error:
            Minions.logger.error("uploading %s ended: %s", self._share.url, error)

    @property
    def is_running(self) -> bool:
        return self._share.is_running

    def close(self) -> None:
        self._share.close()
        self._keeper.join()


@contextmanager
def _first_minions_errors(res_url: str) -> Iterator[None]:
    """Turns errors into those that old scripts catch."""
    try:
        yield
    except (NoPeersFound, TrackerUnavailable, DownloadError, OriginURLConnectError, BadArguments):
        raise
    except TrackerUnreachable as error:
        raise TrackerUnavailable(error.message, error.hint) from error
    except (SourceUnreachable, HostNotFound) as error:
        raise OriginURLConnectError(f"{res_url}: {error.message}", error.hint) from error
    except ChecksumMismatch as error:
        raise PieceChecksumError(error.message, error.hint) from error
    except Failed as error:
        # The program has one exit code for all that has none of its own.
        kind = NoPeersFound if re.match(r"no peers? ", error.message) else DownloadError
        raise kind(error.message, error.hint) from error
    except Stopped as error:
        raise DownloadError("it was ended", error.message) from error


def _ignored_parameters(url: str, name: str) -> Optional[List[str]]:
    """The query parameters without which `url` is `name`; None if it is something else."""
    if url == name:
        return []
    ours, theirs = urlsplit(url), urlsplit(name)
    if ours._replace(query="", fragment="") != theirs._replace(query="", fragment="") or not ours.query:
        return None
    kept = theirs.query.split("&") if theirs.query else []
    names = {part.partition("=")[0] for part in ours.query.split("&")} - {part.partition("=")[0] for part in kept}
    rest = [part for part in ours.query.split("&") if part.partition("=")[0] not in names]
    return sorted(names) if rest == kept and names else None


_at_work: Set[Minions] = set()


@atexit.register
def _end_all() -> None:
    """A script that ends, in whatever way, leaves nothing running."""
    for minions in list(_at_work):
        try:
            minions._end_work()
        except Exception as error:
            print(f"minion: {error}", file=sys.stderr)
