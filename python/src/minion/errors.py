"""What can go wrong, one class for each exit code of the program `minion`."""
from __future__ import annotations

import signal
from typing import Dict, Optional, Type


class MinionError(Exception):
    """The base of all. `message` is one line that names the thing; `hint`, if there is one, says what to do about it."""

    #: What the program `minion` ends with in this case.
    exit_code: int = 1

    def __init__(self, message: str, hint: Optional[str] = None, exit_code: Optional[int] = None):
        super().__init__(message, hint, exit_code)
        self.message = message
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class Failed(MinionError):
    """Anything without a class of its own: no peers, the source refuses, a local file cannot be read or written."""

    exit_code = 1


class BadArguments(MinionError, ValueError):
    """An argument that cannot be used."""

    exit_code = 2


class ChecksumMismatch(MinionError):
    """The content is not what `digest` says; nothing is left under the file's name."""

    exit_code = 4


class TrackerUnreachable(MinionError):
    """No tracker answers, and the source may not be used."""

    exit_code = 5


class HostNotFound(MinionError):
    """The source's host name is not found."""

    exit_code = 6


class SourceUnreachable(MinionError):
    """The source cannot be connected to."""

    exit_code = 7


class ProgramNotFound(MinionError):
    """There is no program `minion` to do the work; 127 is what a shell says in this case."""

    exit_code = 127


class Stopped(MinionError):
    """Something else ended the program `minion` by a signal; its exit code is 128 and the signal's number."""

    exit_code = 128

    @property
    def signal(self) -> int:
        return self.exit_code - 128


_CLASSES: Dict[int, Type[MinionError]] = {
    error.exit_code: error
    for error in (BadArguments, ChecksumMismatch, TrackerUnreachable, HostNotFound, SourceUnreachable)
}


def error_of(exit_code: int, message: Optional[str] = None, hint: Optional[str] = None) -> MinionError:
    """The error for what the program ended with: its exit code, or the negative number of a signal."""
    if exit_code < 0:
        exit_code = 128 - exit_code
    if exit_code > 128:
        return Stopped(message or f"minion was ended by {_name_of(exit_code - 128)}", hint, exit_code)
    message = message or f"minion ended with exit code {exit_code} and said nothing"
    return _CLASSES.get(exit_code, Failed)(message, hint, exit_code)


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
