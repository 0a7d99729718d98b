"""Sharing: a local file for other machines, without a source."""
from __future__ import annotations

import threading
from types import TracebackType
from typing import Callable, Optional, Type

from .errors import MinionError
from .orders import Order, Rate, StrPath, Trackers, share_order
from .program import Run
from .results import Progress
from .telling import Telling

#: The event that says that others can get the file now.
READY = "shared"


def share(
    path: StrPath, name: Optional[str] = None, *, tracker: Trackers = None, tag: str = "", application: str = "",
    site: str = "", upload_rate: Rate = None,
    progress: Optional[Callable[[Progress], object]] = None,
) -> Share:
    """Offers a local file to other machines. Returns when it has been read through and announced; the file is offered
    until the `Share` is closed, which the end of a `with` block does.

    path: the file. It must not change as long as it is shared: if it does, sharing ends.
    name: what others ask for, by default the file's name: a name, which they write with `minion:` before it, or a URL in
        the place of its source.
    tracker, tag, application, site, upload_rate: as for `get`.
    progress: called with a `Progress` while the file is read through. If it raises, sharing ends.
    """
    return Share(share_order(
        path, name, tracker=tracker, tag=tag, application=application, site=site, upload_rate=upload_rate), progress)


class Share:
    """A file that is offered. To be closed."""

    #: What others give to `get`: `minion:NAME` or a URL.
    url: str
    #: The whole command for others to type.
    command: str

    def __init__(self, order: Order, progress: Optional[Callable[[Progress], object]] = None):
        self._telling = Telling()
        self._code: Optional[int] = None
        self._error: Optional[MinionError] = None
        self._is_closed = False
        #: Whether somebody knows of the error.
        self._is_told = False
        self._run = Run(order.arguments)
        try:
            self._wait_until_ready(progress)
        except BaseException:
            self._run.close()
            raise
        self._follower = threading.Thread(target=self._follow, name="minion share", daemon=True)
        self._follower.start()

    def _wait_until_ready(self, progress: Optional[Callable[[Progress], object]]) -> None:
        for line in self._run.output:
            event, message = self._telling.take(line)
            if event == READY:
                self.url, self.command = str(message["url"]), str(message.get("command", ""))
                return
            if event == "progress" and progress is not None and self._telling.progress is not None:
                progress(self._telling.progress)
        code = self._run.wait()
        assert code is not None
        raise self._telling.error(code, self._run.words)

    def _follow(self) -> None:
        """Reads what the program goes on to say, so that it never waits for a reader, and notes how it ends."""
        try:
            for line in self._run.output:
                self._telling.take(line)
        except MinionError as error:
            self._error = error
            self._run.stop()
        self._code = self._run.wait()
        if self._code and self._error is None:
            self._error = self._telling.error(self._code, self._run.words)

    @property
    def is_running(self) -> bool:
        """Whether others can still get it."""
        return not self._is_closed and self._follower.is_alive()

    def wait(self, seconds: Optional[float] = None) -> bool:
        """Waits until sharing ends by itself; whether it has. Raises a `MinionError` if something went wrong, such as that
        the file was changed."""
        self._follower.join(seconds)
        if self._follower.is_alive():
            return False
        if self._error is not None and not self._is_closed:
            self._is_told = True
            raise self._error
        return True

    def close(self) -> None:
        """Ends it. Calling it again does no harm."""
        self._is_closed = True
        self._run.stop()
        self._follower.join()
        self._run.close()

    def __enter__(self) -> Share:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        had_ended = not self._follower.is_alive()
        self.close()
        # Whoever believed that the file was offered all the time has to know if it was not.
        if had_ended and self._error is not None and error is None and not self._is_told:
            raise self._error

    def __repr__(self) -> str:
        return f"<minion.Share {self.url!r}{'' if self.is_running else ', ended'}>"
