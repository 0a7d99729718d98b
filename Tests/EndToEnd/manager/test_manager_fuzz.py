"""Whatever the document allows, and much that it does not, made up by schemathesis: no answer is a 5xx, and none is
outside the document."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from server import Client, Server

CHECKS = ",".join([
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
    "response_schema_conformance"])
#: Calls that end the session of the run itself, or go to other hosts.
EXCLUDED = "signout|signin/"
#: Requests of one kind of caller at least.
REQUESTS = 5000


def find_schemathesis() -> str:
    program = os.environ.get("MINION_SCHEMATHESIS") or shutil.which("schemathesis")
    if not program:
        pytest.skip("no schemathesis: pip install it, or name it with MINION_SCHEMATHESIS")
    return program


def fuzz(server: Server, folder: Path, client: Client, paths: str, examples: int) -> int:
    """Runs schemathesis with a caller's cookies or token; how many requests it made."""
    headers = []
    if client.cookies:
        headers += ["--header", f"Cookie: jwt={client.cookies['jwt']}"]
    if client.bearer:
        headers += ["--header", f"Authorization: Bearer {client.bearer}"]
    done = subprocess.run(
        [find_schemathesis(), "run", f"{server.url}/openapi.json", *headers, "--include-path-regex", paths,
         "--exclude-path-regex", EXCLUDED, "--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", str(examples),
         "--continue-on-failure", "--generation-database", "none", "--suppress-health-check", "all", "--no-color"],
        cwd=folder, capture_output=True, text=True, timeout=900)
    report = done.stdout[-8000:]
    assert done.returncode == 0, f"{report}\n{done.stderr[-2000:]}"
    made = re.search(r"(\d+) generated", report)
    assert made, report
    assert server.process.poll() is None
    return int(made.group(1))


@pytest.mark.parametrize("caller", ["root", "guest", "nobody"])
def test_made_up_requests(new_server, engine: str, tmp_path: Path, caller: str):
    # With a scheduler, so that jobs find somebody who does them.
    server = new_server()
    if caller != "root" and engine != "sqlite":
        pytest.skip("root's run is the one that reaches the database")
    root = server.sign_in()
    requests = 0
    if caller == "root":
        # First, while the token is still there.
        program = root.with_token(root.make_token()["token"])
        requests += fuzz(server, tmp_path, program, "^/oapi/", 10)
    client = {"root": lambda: root, "guest": server.guest, "nobody": server.client}[caller]()
    requests += fuzz(server, tmp_path, client, "^/(api/|heal|openapi|docs|$)", 10 if caller == "root" else 5)
    assert requests >= (REQUESTS if caller != "nobody" else 1000)
    errors = [line for line in server.log.splitlines() if "level=error" in line]
    assert not errors, errors[:5]
