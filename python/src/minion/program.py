"""The program `minion`: where it is, and one run of it as a child of this process."""
from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from typing import IO, List, Optional, Sequence, Union

from .errors import ProgramNotFound

#: Seconds that a run has to end in good order once it is told to; it is killed after that.
PATIENCE = 5.0

#: How much of what a run wrote to stderr is read.
_LAST_WORDS = 64 << 10


def find_program() -> str:
    """The path of the program: `MINION_BIN` if it is set, else `minion` on the path."""
    named = os.environ.get("MINION_BIN")
    if named:
        path = shutil.which(os.path.abspath(named))
        if path is None:
            raise ProgramNotFound(f"MINION_BIN names {named!r}, which is no program")
        return path
    path = shutil.which("minion")
    if path is None:
        raise ProgramNotFound(
            "there is no program 'minion' on the path", "install it, or set MINION_BIN to where it is")
    return path


def anonymous_file(content: bytes = b"") -> IO[bytes]:
    """A file without a name, to be read from its beginning by a child, or written by it."""
    file: IO[bytes]
    try:
        file = os.fdopen(os.memfd_create("minion"), "w+b", buffering=0)
    except (AttributeError, OSError):
        file = tempfile.TemporaryFile(buffering=0)
    if content:
        file.write(content)
        file.seek(0)
    return file


def read_words(errors: IO[bytes]) -> bytes:
    """The end of what a child wrote to this file."""
    size = os.fstat(errors.fileno()).st_size
    return os.pread(errors.fileno(), _LAST_WORDS, max(0, size - _LAST_WORDS))


class Run:
    """A running `minion`. It shares the terminal's signals with this process; whoever starts it ends it."""

    def __init__(self, arguments: Sequence[str], standard_input: bytes = b"", buffered: bool = True):
        command: List[str] = [find_program(), *arguments]
        stdin: Union[int, IO[bytes]] = subprocess.DEVNULL
        # In a file, not in a pipe: nothing has to be read while this process waits for something else.
        self._errors = anonymous_file()
        try:
            if standard_input:
                stdin = anonymous_file(standard_input)
            self._process = subprocess.Popen(
                command, stdin=stdin, stdout=subprocess.PIPE, stderr=self._errors, bufsize=-1 if buffered else 0)
        except OSError as error:
            self._errors.close()
            raise ProgramNotFound(f"{command[0]} cannot be started: {error.strerror}") from error
        except BaseException:
            self._errors.close()
            raise
        finally:
            if not isinstance(stdin, int):
                stdin.close()
        assert self._process.stdout is not None
        self.output: IO[bytes] = self._process.stdout

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def words(self) -> bytes:
        """What it has written to stderr."""
        return read_words(self._errors)

    def wait(self, seconds: Optional[float] = None) -> Optional[int]:
        """Its exit code, or None if it still runs after so long."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """Ends it if it still runs. Calling it again, or from another thread, does no harm."""
        try:
            if self.is_running:
                self._process.terminate()
                self.wait(PATIENCE)
        finally:
            # Also if the user has no patience.
            if self.is_running:
                self._process.kill()
                self._process.wait()

    def close(self) -> None:
        """Ends it and gives back what it holds here."""
        try:
            self.stop()
        finally:
            self.output.close()
            self._errors.close()
