"""What holds for every call: pages, errors, limits, compression, other origins, and what bad clients send."""
from __future__ import annotations

import concurrent.futures
import gzip
import json
import re
import socket
import subprocess
import time
from urllib.parse import quote

import pytest

from server import Server, pages


def test_pages_lead_through_a_list(server: Server, root):
    for number in range(24):
        root.make_cluster(f"c{number:02}")
    seen = []
    page = 1
    while True:
        answer = root.get(f"/api/v1/clusters?per_page=10&page={page}")
        seen += [cluster["name"] for cluster in root.ok(answer)]
        links = pages(answer)
        assert links["first"]["page"] == "1" and links["last"]["page"] == "3"
        assert links["prev"]["page"] == str(max(page - 1, 1)) and links["next"]["page"] == str(min(page + 1, 3))
        assert all(link["per_page"] == "10" for link in links.values())
        if page == 3:
            break
        page = int(links["next"]["page"])
    assert seen == ["cluster-1"] + [f"c{number:02}" for number in range(24)]
    assert len(root.ok(root.get("/api/v1/clusters"))) == 10
    assert len(root.ok(root.get("/api/v1/clusters?page=0&per_page=0"))) == 10
    assert len(root.ok(root.get("/api/v1/clusters?per_page=10000000"))) == 25
    assert root.ok(root.get("/api/v1/clusters?page=99")) == []


def test_the_link_field_to_the_letter(reader):
    answer = reader.get("/api/v1/jobs?type=x%20y")
    assert answer.headers["Link"] == ",".join(
        f"</api/v1/jobs?page={page}&per_page=10&type=x+y>;rel={name}"
        for name, page in (("prev", 1), ("next", 2), ("first", 1), ("last", 0)))
    assert reader.ok(answer) == []


@pytest.mark.parametrize("path", [
    "users", "oauth", "clusters", "scheduler-clusters", "schedulers", "seed-peer-clusters", "seed-peers", "peers", "configs",
    "jobs", "applications", "personal-access-tokens", "audits"])
def test_every_list_has_pages(reader, path):
    answer = reader.get(f"/api/v1/{path}")
    assert isinstance(reader.ok(answer), list) and "last" in pages(answer)
    for query in ("page=-1", "per_page=-1", "per_page=10000001", "page=x", "page=99999999999999999999"):
        bad = reader.get(f"/api/v1/{path}?{query}")
        assert bad.status == 422 and isinstance(bad.json["errors"], str) and bad.json["message"], query


def test_ids_are_positive_numbers(reader):
    bad = reader.get("/api/v1/clusters/abc")
    assert bad.status == 422 and bad.json["errors"] == 'strconv.ParseUint: parsing "abc": invalid syntax'
    assert "'required' tag" in reader.get("/api/v1/clusters/0").json["errors"]
    for text in ("-1", "1.5", "99999999999999999999", "%00", "%ff", "1%2F2", "..%2f..%2fetc", "%20", "1;DROP"):
        assert reader.get(f"/api/v1/clusters/{text}").status == 422, text
    assert reader.get("/api/v1/clusters/9223372036854775807").status == 404


def test_unknown_paths_lead_home(reader):
    for path in ("/nope", "/api/v1/nope", "/api/v2/users", "/api", "/index.php", "/../etc/passwd", "/%2e%2e/etc/passwd"):
        answer = reader.get(path)
        assert answer.status == 301 and answer.headers["Location"] == "/", path
    assert reader.call("DELETE", "/api/v1/users/1").status == 301
    # A client that follows with the same method must come to an end.
    assert reader.call("DELETE", "/").status == 405 and reader.call("PUT", "/").headers["Allow"] == "GET, HEAD"
    home = reader.get("/")
    assert home.status == 200 and home.headers["Content-Type"].startswith("text/html")


def test_slashes_at_the_end(reader):
    answer = reader.get("/api/v1/clusters/?page=1")
    assert answer.status == 301 and answer.headers["Location"] == "/api/v1/clusters?page=1"
    answer = reader.post("/api/v1/users/signin/", {})
    assert answer.status == 307 and answer.headers["Location"] == "/api/v1/users/signin"
    # Never to another host.
    assert reader.get("//evil.example/").headers["Location"] == "/"


def test_health_and_documents(shared: Server):
    client = shared.client()
    answer = client.get("/healthy")
    assert answer.status == 200 and answer.body == b'"OK"'
    assert client.ok(client.get("/healthz")) == {"status": "ok"}
    document = client.ok(client.get("/openapi.json"))
    assert document["openapi"] == "3.1.0" and len(document["paths"]) > 50
    page = client.get("/docs")
    assert page.status == 200 and b"/api/v1/clusters" in page.body
    assert not re.search(rb"(src|href)=\"?(https?:)?//", page.body), "the page needs a network"
    assert client.call("HEAD", "/healthy").status == 200 and client.call("HEAD", "/healthy").body == b""
    addresses = answer.headers["X-Server-IP"].split(", ")
    assert len(addresses) == 2 and "." in addresses[0] and ":" in addresses[1]


def test_the_tracker_is_on_the_same_port(new_server):
    client = new_server().client()
    assert client.ok(client.get("/v1/tasks")) == {"total": 0, "tasks": []}
    assert client.ok(client.get("/res/"))["ret"] == "success"
    missing = client.get("/v1/nope")
    assert missing.status == 404 and "error" in missing.json and "X-Server-IP" not in missing.headers


def test_roles_of_a_server(new_server):
    manager = new_server("--roles", "manager")
    assert manager.client().get("/v1/tasks").status == 301
    assert manager.client().ok(manager.client().get("/healthz")) == {"status": "ok"}
    assert manager.sign_in().get("/api/v1/users").status == 200


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b'"x"', b"null", b"{}x", b'{"name": }', b"\xff\xfe", b'{"name": "\xff"}', b'{"name": "\\u0000"}',
    b'{"name": "\\ud800"}', b"{'name': 1}", b'{"name": 1e999}', b'{"name": ' + b"[" * 200 + b"]" * 200 + b"}", b"\x00", b"nan",
])
def test_bodies_that_are_no_object(reader, body):
    answer = reader.call("POST", "/api/v1/configs", raw=body)
    assert answer.status == 422 and isinstance(answer.json["errors"], str) and isinstance(answer.json["message"], str)
    if body == b"":
        assert answer.json["errors"] == "EOF"


@pytest.mark.parametrize("value", [
    "'; DROP TABLE users; --", "\" OR 1=1", "%", "_", "\\", "$1", "?", ":a", "\r\nSet-Cookie: a=b", "<script>", "💥", "a\tb",
    "\u202e", "x" * 256, "null", "{{7*7}}", "../../etc/passwd",
])
def test_texts_are_just_texts(server: Server, root, value):
    made = root.ok(root.post("/api/v1/configs", {"name": value, "value": value, "bio": value, "user_id": 1}))
    assert made["name"] == made["value"] == made["bio"] == value
    found = root.get(f"/api/v1/configs?name={quote(value, safe='')}&value={quote(value, safe='')}")
    assert [config["name"] for config in root.ok(found)] == [value]
    assert "Set-Cookie" not in found.headers
    assert root.ok(root.get("/api/v1/configs?name=%25")) == ([made] if value == "%" else [])


def test_numbers_have_their_limits(reader):
    for number in (2**31, 2**63, 2**64, -2**63 - 1, 10**400, 1.5, "1"):
        body = json.dumps({"host_name": "h", "ip": "i", "scheduler_cluster_id": 1, "port": number}).encode()
        assert reader.call("POST", "/api/v1/schedulers", raw=body).status == 422, number


def test_long_bodies_are_refused(shared: Server, reader):
    answer = reader.call("POST", "/api/v1/configs", raw=b" " * (1 << 20) + b"{}")
    assert answer.status == 413 and "message" in answer.json
    head = (
        b"POST /api/v1/configs HTTP/1.1\r\nHost: x\r\nContent-Length: 104857600\r\nCookie: jwt="
        + reader.cookies["jwt"].encode() + b"\r\n\r\n")
    for encoded in (head, head.replace(b"Content-Length: 104857600", b"Transfer-Encoding: chunked")):
        sent = 0
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n" if b"chunked" in encoded else b"x" * 65536
        received = b""
        with socket.create_connection(shared.address, timeout=20) as connection:
            try:
                connection.sendall(encoded)
                while sent < 100 << 20:
                    connection.sendall(chunk)
                    sent += 65536
            except OSError:
                pass
            try:
                received = connection.recv(65536)
            except OSError:
                pass
        assert sent < 32 << 20, "the server went on reading"
        assert received == b"" or received.startswith(b"HTTP/1.1 413"), received[:100]
    assert reader.get("/api/v1/users").status == 200


def test_long_heads_are_refused(shared: Server):
    with socket.create_connection(shared.address, timeout=20) as connection:
        try:
            connection.sendall(b"GET /healthy HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (1 << 20) + b"\r\n\r\n")
        except OSError:
            pass
        try:
            answer = connection.recv(1000)
        except OSError:
            answer = b""
    assert not answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("request_text", [
    b"GET /api/v1/users HTTP/1.1\r\n\r\n", b"NONSENSE\r\n\r\n", b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", b"\x00\x01\x02\r\n\r\n",
    b"GET /api/v1/users\x00 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /%ff%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /api/v1/users?name=%00 HTTP/1.1\r\nHost: x\r\n\r\n", b"GET http://x/api/v1/users HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /api/v1/users HTTP/1.1\r\nHost: x\r\nCookie: jwt=\xff; jwt; =; ;;\r\n\r\n",
    b"BREW /api/v1/users HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /api/v1/users/signin HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
])
def test_strange_requests_do_no_harm(shared: Server, request_text):
    with socket.create_connection(shared.address, timeout=20) as connection:
        connection.sendall(request_text)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536)
    assert not answer or re.match(rb"HTTP/1\.1 [234]\d\d", answer), answer
    assert shared.client().get("/healthy").status == 200


@pytest.mark.slow
def test_slow_clients_are_not_waited_for(server: Server):
    began = time.monotonic()
    with socket.create_connection(server.address, timeout=60) as connection:
        connection.sendall(b"POST /api/v1/users/signin HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert server.client().get("/healthy").status == 200, "others are served meanwhile"
        assert connection.recv(1000) == b"", "the connection ends"
    assert 20 < time.monotonic() - began < 45


def test_answers_are_compressed_for_those_who_want(reader):
    plain = reader.get("/openapi.json")
    packed = reader.get("/openapi.json", headers={"Accept-Encoding": "gzip, deflate"})
    assert packed.headers["Content-Encoding"] == "gzip" and "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(packed.body) == plain.body and len(packed.body) < len(plain.body) / 4
    assert "Content-Encoding" not in plain.headers
    for field in ("identity", "gzip;q=0", "br"):
        assert "Content-Encoding" not in reader.get("/api/v1/clusters", headers={"Accept-Encoding": field}).headers
    listed = reader.get("/api/v1/clusters", headers={"Accept-Encoding": "*"})
    assert json.loads(gzip.decompress(listed.body))[0]["name"] == "cluster-1"


def test_long_lists_come_whole(server: Server, root):
    # More rows than the server reads at once.
    count = 5200

    def make(number: int) -> int:
        return root.post("/api/v1/configs", {"name": f"n{number:05}", "value": "v", "user_id": 1}).status

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(make, range(count))) == {200}
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        answer = root.get("/api/v1/configs?per_page=10000000", headers=headers)
        body = gzip.decompress(answer.body) if headers else answer.body
        names = [config["name"] for config in json.loads(body)]
        assert len(names) == count + 1 and len(set(names)) == count + 1
        assert pages(answer)["last"]["page"] == "1"
    assert len(root.ok(root.get("/api/v1/configs?per_page=5100"))) == 5100


def test_other_origins_are_refused_unless_listed(new_server, shared: Server):
    origin = "https://console.example"
    answer = shared.client().get("/healthy", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in answer.headers
    asked = shared.client().call("OPTIONS", "/api/v1/users", headers={"Origin": origin})
    assert asked.status == 204 and "Access-Control-Allow-Origin" not in asked.headers

    server = new_server("--cors-origin", origin, "--cors-origin", "https://other.example")
    answer = server.client().get("/healthy", headers={"Origin": origin})
    assert answer.headers["Access-Control-Allow-Origin"] == origin and "Origin" in answer.headers["Vary"]
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert answer.headers["Access-Control-Expose-Headers"] == "Link,Location,Authorization"
    asked = server.client().call("OPTIONS", "/api/v1/users", headers={
        "Origin": origin, "Access-Control-Request-Headers": "content-type", "Access-Control-Request-Method": "PATCH"})
    assert asked.status == 204 and asked.headers["Access-Control-Allow-Headers"] == "content-type"
    assert asked.headers["Access-Control-Allow-Methods"] == "GET,HEAD,PUT,POST,DELETE,PATCH"
    assert asked.headers["Access-Control-Max-Age"] == "600000"
    for stranger in ("https://evil.example", "https://console.example.evil.example", "null", "http://console.example"):
        answer = server.client().get("/healthy", headers={"Origin": stranger})
        assert "Access-Control-Allow-Origin" not in answer.headers, stranger

    everybody = new_server("--cors-origin", "*")
    answer = everybody.client().get("/healthy", headers={"Origin": "https://any.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "https://any.example"


@pytest.mark.parametrize("arguments", [
    ["--roles", "king"], ["--signup", "maybe"], ["--jwt-cookie", "x"], ["--cors-origin", "x"], ["--listen", ":99999"],
    ["--database", "mysql://x"], ["--data-dir", ""], ["--nope"],
])
def test_wrong_arguments_are_told(server_binary, tmp_path, arguments):
    done = subprocess.run(
        [str(server_binary), "serve", "--listen", "127.0.0.1:0", "--data-dir", str(tmp_path / "d"), *arguments],
        capture_output=True, text=True, timeout=30)
    assert done.returncode == (1 if "--database" in arguments else 2), done.stderr
    assert done.stderr.startswith("minion-server: ") and len(done.stderr.splitlines()) <= 2, done.stderr
