"""`minion get` as a person sees it."""
from __future__ import annotations

import os
import pty
import subprocess
from typing import Tuple

from processes import STOPPING, Host


def get_on_terminal(host: Host, url: str, *flags: str) -> Tuple[int, str]:
    """The exit code of `minion get`, run to its end on a terminal, and all that the terminal was sent."""
    reader, writer = pty.openpty()
    process = subprocess.Popen(
        [host.box.minion, "get", url, *flags], stdin=writer, stdout=writer, stderr=writer, cwd=host.files,
        env=host.env, start_new_session=True)
    os.close(writer)
    seen = bytearray()
    while True:
        try:
            chunk = os.read(reader, 65536)
        except OSError:
            # Linux says so when nobody has the other end any more.
            break
        if not chunk:
            break
        seen += chunk
    os.close(reader)
    return process.wait(STOPPING), seen.decode(errors="replace")
