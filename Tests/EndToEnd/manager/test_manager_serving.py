"""The server as a process: one command for all of it, HTTPS, figures for Prometheus."""
from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Callable, Dict, Tuple

import pytest

from processes import free_port
from server import Server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Tuple[Path, Path]:
    """A certificate for localhost that has signed itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    chain, key = folder / "chain.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", key, "-out", chain, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
        check=True, capture_output=True, timeout=60)
    return chain, key


@pytest.fixture
def engine() -> str:
    return "sqlite"


def secure_call(port: int, chain: Path, request: bytes, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> bytes:
    context = ssl.create_default_context(cafile=str(chain))
    context.maximum_version = version
    with socket.create_connection(("localhost", port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as connection:
            connection.sendall(request)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
            return answer


def post(path: str, body: Dict[str, str]) -> bytes:
    text = json.dumps(body).encode()
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(text)}\r\n\r\n").encode() + text


SIGN_IN = post("/api/v1/users/signin", {"name": "root", "password": "dragonfly"})


def test_https_has_an_address_of_its_own_and_secure_cookies(new_server: Callable[..., Server], certificate):
    chain, key = certificate
    port = free_port()
    server = new_server("--listen-tls", f"127.0.0.1:{port}", "--tls-certificate", chain, "--tls-key", key)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        head, _, body = secure_call(port, chain, SIGN_IN, version).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        assert re.search(rb"Set-Cookie: jwt=[^\r]*; Secure", head) and json.loads(body)["token"]
    answer = server.client().post("/api/v1/users/signin", {"name": "root", "password": "dragonfly"})
    assert answer.status == 200 and "Secure" not in answer.headers["Set-Cookie"]
    # Who speaks plainly to the other port gets nothing, and does no harm.
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(SIGN_IN)
        assert b"HTTP/1.1 200" not in connection.recv(65536)
    assert secure_call(port, chain, SIGN_IN).startswith(b"HTTP/1.1 200")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_versions_of_tls_are_refused(new_server: Callable[..., Server], certificate):
    chain, key = certificate
    port = free_port()
    new_server("--listen-tls", f"127.0.0.1:{port}", "--tls-certificate", chain, "--tls-key", key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(str(chain))
    # The client must not be the one who refuses.
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="(?i)alert protocol version"):
        with socket.create_connection(("localhost", port), timeout=10) as plain:
            context.wrap_socket(plain, server_hostname="localhost")


def serve(binary: Path, folder: Path, *arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(binary), "serve", "--data-dir", str(folder / "data"), *map(str, arguments)], capture_output=True, text=True,
        timeout=30, env={"PATH": os.environ["PATH"], "HOME": str(folder)})


def test_certificates_that_cannot_be_used_are_told(server_binary: Path, tmp_path: Path, certificate):
    chain, key = certificate
    other = tmp_path / "other.pem"
    subprocess.run(["openssl", "genrsa", "-out", other, "2048"], check=True, capture_output=True, timeout=60)
    listen = ("--listen-tls", "127.0.0.1:0")
    for code, word, arguments in (
        (2, "go together", listen),
        (2, "go together", (*listen, "--tls-certificate", chain)),
        (2, "go together", ("--tls-certificate", chain, "--tls-key", key)),
        (1, "missing.pem", (*listen, "--tls-certificate", tmp_path / "missing.pem", "--tls-key", key)),
        (1, "key", (*listen, "--tls-certificate", chain, "--tls-key", chain)),
        (1, "not that of", (*listen, "--tls-certificate", chain, "--tls-key", other)),
    ):
        done = serve(server_binary, tmp_path, "--log-level", "critical", *arguments)
        assert done.returncode == code and word in done.stderr, (arguments, done)
        assert done.stderr.startswith("minion-server: ") and "Fatal" not in done.stderr


def metrics(server: Server) -> Dict[str, float]:
    answer = server.ask("/metrics")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    values = {}
    for line in answer.body.decode().splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[^}]*\})? [-+0-9.e]+', line), line
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            values[name] = float(value)
    return values


def test_figures_for_prometheus_count_what_was_answered(new_server: Callable[..., Server]):
    server = new_server()
    before = metrics(server)
    for _ in range(5):
        server.ask("/healthy")
        server.ask("/api/v1/users")
        server.ask("/v1/tasks")
    after = metrics(server)

    def grown(part: str, code: str) -> float:
        name = f'minion_http_requests_total{{part="{part}",code="{code}"}}'
        return after[name] - before[name]

    assert (grown("manager", "2xx"), grown("manager", "4xx"), grown("tracker", "2xx")) == (5, 5, 5)
    assert after["minion_manager_request_seconds_count"] - before["minion_manager_request_seconds_count"] == 10
    assert after['minion_manager_request_seconds_bucket{le="+Inf"}'] == after["minion_manager_request_seconds_count"]
    assert after["process_resident_memory_bytes"] > 1 << 20 and after["process_open_fds"] > 3
    assert after["minion_tracker_peers"] == 0
    assert server.ask("/metrics", "POST").status == 405


def test_links_to_dragonflys_document_lead_to_ours(new_server: Callable[..., Server]):
    server = new_server()
    for path, target in (("/swagger/index.html", "/docs"), ("/swagger/doc.json", "/openapi.json")):
        answer = server.ask(path)
        assert answer.status == 302 and answer.headers["Location"] == target


# `minion serve` is the same program under the name that people know.


@pytest.fixture
def minion(server_binary: Path) -> Path:
    return Path(os.environ.get("MINION_BIN") or server_binary.parent / "minion").resolve()


def test_minion_serve_is_the_server(minion: Path, tmp_path: Path):
    port = free_port()
    process = subprocess.Popen(
        [minion, "serve", "--listen", f"127.0.0.1:{port}", "--data-dir", tmp_path / "deep" / "data"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={"PATH": os.environ["PATH"]})
    try:
        assert process.stdout.readline() == f"minion serves on 127.0.0.1:{port}\n".encode()
        assert f"minion get URL --tracker 127.0.0.1:{port}" in process.stdout.readline().decode()
        assert f"http://127.0.0.1:{port}/" in process.stdout.readline().decode()
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(SIGN_IN)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


def test_its_words_are_those_of_the_command_that_was_typed(minion: Path, tmp_path: Path):
    help_text = serve(minion, tmp_path, "--help")
    assert help_text.returncode == 0 and "USAGE: minion serve" in help_text.stdout
    wrong = serve(minion, tmp_path, "--nope")
    assert wrong.returncode == 2 and wrong.stderr.startswith("minion: ") and "'minion serve --help'" in wrong.stderr
    empty = serve(minion, tmp_path, "--signup=", "--roles", "scheduler")
    assert empty.returncode == 2 and "--signup" in empty.stderr


def test_a_host_without_the_server_is_told_what_to_install(minion: Path, tmp_path: Path):
    alone = tmp_path / "minion"
    shutil.copy(minion, alone)
    done = subprocess.run([alone, "serve"], capture_output=True, text=True, timeout=30, env={"PATH": str(tmp_path)})
    assert done.returncode == 1 and done.stderr.startswith("minion: ") and "minion-server" in done.stderr
    # On the path will do.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "minion-server").symlink_to(minion.parent / "minion-server")
    done = subprocess.run(
        [alone, "serve", "--help"], capture_output=True, text=True, timeout=30, env={"PATH": f"/nowhere:{tmp_path / 'bin'}"})
    assert done.returncode == 0 and "USAGE: minion serve" in done.stdout
