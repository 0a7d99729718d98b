"""Waiting for conditions instead of for time to pass."""
from __future__ import annotations

import os
import time
from typing import Callable, TypeVar

Value = TypeVar("Value")

#: Seconds after which something that should have happened on a busy machine counts as never happening.
PATIENCE = float(os.environ.get("MINION_TEST_PATIENCE", "60"))


def wait_until(condition: Callable[[], Value], what: str, seconds: float = PATIENCE) -> Value:
    """Returns the first truthy value of `condition`; fails with `what` when the deadline passes."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:.0f} s for: {what}")
        time.sleep(0.01)
