"""Reading what the program says: JSON lines on stdout, words on stderr."""
from __future__ import annotations

import json
import logging
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .errors import Failed, MinionError, error_of
from .results import Progress, Result

logger = logging.getLogger("minion")

_NAME = "minion: "
_WARNING = "minion: warning: "
_HINT = "  hint: "


def last_words(text: bytes) -> Tuple[Optional[str], Optional[str]]:
    """The error that ends what the program wrote to stderr, and the hint below it."""
    message = hint = None
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    for line in lines:
        if line.startswith(_NAME) and not line.startswith(_WARNING):
            message, hint = line[len(_NAME) :], None
        elif line.startswith(_HINT) and message is not None:
            hint = line[len(_HINT) :]
    if message is None and lines and not lines[-1].startswith(_WARNING):
        # Behind the words of a crash comes a picture of its stack.
        message = next((line for line in lines if "Fatal error" in line), lines[-1]).strip()
    return message, hint


def error_in(exit_code: int, text: bytes) -> MinionError:
    """The error of a program that ended so and left `text` on its stderr."""
    return error_of(exit_code, *last_words(text))


def log_warnings(text: bytes) -> None:
    """For programs whose stdout has no room for messages."""
    for line in text.decode(errors="replace").splitlines():
        if line.startswith(_WARNING):
            logger.warning("%s", line[len(_WARNING) :])


class Telling:
    """The lines of one run, as they come. Without input or output of its own, for threads and asyncio alike."""

    def __init__(self) -> None:
        self.progress: Optional[Progress] = None
        self.warnings: List[str] = []
        self._events: Dict[str, Mapping[str, Any]] = {}

    def take(self, line: bytes) -> Tuple[str, Mapping[str, Any]]:
        """Reads one line: the event's name and all of its members."""
        try:
            message = json.loads(line)
            event = str(message["event"])
        except (ValueError, KeyError, TypeError):
            raise Failed(f"minion talks nonsense: {line[:200]!r}") from None
        self._events[event] = message
        if event == "progress":
            self.progress = Progress.of(message)
        elif event == "warning":
            self.warnings.append(str(message.get("message", "")))
            logger.warning("%s", self.warnings[-1])
        return event, message

    def result(self) -> Optional[Result]:
        """None as long as there is none."""
        finished = self._events.get("finished")
        return None if finished is None else Result.of(finished, tuple(self.warnings))

    def end(self, exit_code: int, text: bytes) -> Result:
        """What became of a download whose program ended so; raises if it failed."""
        result = self.result()
        if exit_code != 0 or result is None:
            raise self.error(exit_code, text)
        return result

    def error(self, exit_code: int, text: bytes) -> MinionError:
        """Why a program that ended so did, though it should not have."""
        message, hint = last_words(text)
        failed = self._events.get("failed")
        if failed is not None:
            # The same in a form that is not cut or escaped for a terminal.
            message = str(failed.get("message") or message)
            hint = str(failed["hint"]) if failed.get("hint") else hint
        return error_of(exit_code, message, hint) if exit_code else Failed(message or "minion ended before it was done")
