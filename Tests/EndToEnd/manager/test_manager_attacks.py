"""What pages of other origins, guessers and odd clients try."""
from __future__ import annotations

import concurrent.futures
import http.client
import json
import socket
import time

import pytest

from http_calls import ask
from server import ROOT_PASSWORD, Server
from waiting import wait_until

ROOT = {"name": "root", "password": ROOT_PASSWORD}
CONFIG = {"name": "forged", "value": "v", "user_id": 1}


# Pages of other origins.


@pytest.mark.parametrize("headers", [
    {"Origin": "http://127.0.0.1:9"}, {"Origin": "https://evil.example"}, {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site", "Origin": "http://other.box"},
])
def test_pages_from_elsewhere_write_nothing_with_their_visitors_cookies(server: Server, root, headers):
    plain = {**headers, "Content-Type": "text/plain"}
    assert root.call("POST", "/api/v1/configs", CONFIG, headers=plain).status == 403
    assert root.delete("/api/v1/configs/1", headers=headers).status == 403
    assert root.put("/api/v1/users/1/roles/guest", headers=headers).status == 403
    assert root.get("/api/v1/configs", headers=headers).status == 200, "a page cannot read the answer"
    assert [config["name"] for config in root.ok(root.get("/api/v1/configs"))] == ["gc"]
    # Nor do they sign a visitor in as somebody else, or out.
    for path, body in (("signin", ROOT), ("signout", {}), ("signup", {"name": "abc", "password": "x" * 8, "email": "a@b.c"})):
        answer = root.call("POST", f"/api/v1/users/{path}", body, headers=plain)
        assert answer.status == 403 and "Set-Cookie" not in answer.headers, path


def test_the_managers_own_pages_and_programs_write(server: Server, root):
    own = f"http://127.0.0.1:{server.port}"
    for number, headers in enumerate((
        {}, {"Origin": own}, {"Origin": own.replace("http:", "https:")}, {"Sec-Fetch-Site": "same-origin", "Origin": own},
        {"Sec-Fetch-Site": "none"},
    )):
        body = {**CONFIG, "name": f"c{number}"}
        assert root.call("POST", "/api/v1/configs", body, headers=headers).status == 200, headers
    # A token in a header is no cookie: the page has it because somebody gave it.
    token = root.make_token()["token"]
    answer = root.with_token(token).post("/oapi/v1/clusters", {}, headers={"Origin": "https://evil.example"})
    assert answer.status == 422


def test_a_listed_origin_writes(new_server):
    server = new_server("--cors-origin", "https://console.example")
    headers = {"Origin": "https://console.example", "Sec-Fetch-Site": "cross-site"}
    client = server.client()
    client.ok(client.post("/api/v1/users/signin", ROOT, headers=headers))
    assert client.post("/api/v1/configs", CONFIG, headers=headers).status == 200


# Guessing.


def test_guessing_at_once_is_no_way_around_the_limit(server: Server):
    body = {"name": "victim", "password": "the-right-1", "email": "v@test.example"}
    assert server.client().post("/api/v1/users/signup", body).status == 200

    def guess(number: int) -> int:
        return server.client().post("/api/v1/users/signin", {"name": "victim", "password": f"wrong-pass{number}"}).status

    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        statuses = list(pool.map(guess, range(60)))
    assert set(statuses) == {401, 429} and statuses.count(401) <= 6, statuses


def test_one_that_guesses_does_not_keep_others_behind_its_address_out(server: Server, root):
    for number in range(60):
        server.client().post("/api/v1/users/signin", {"name": f"user{number}", "password": "wrong-pass1"})
    refused = server.client().post("/api/v1/users/signin", {"name": "user99", "password": "wrong-pass1"})
    assert refused.status == 429 and 1 <= int(refused.headers["Retry-After"]) <= 61
    # Root has signed in from here before.
    assert server.client().post("/api/v1/users/signin", ROOT).status == 200


def test_guessing_ids_is_limited_too(server: Server):
    body = {"old_password": "some-old-1", "new_password": "some-new-1"}
    statuses = [server.client().post(f"/api/v1/users/{5000 + i}/reset_password", body).status for i in range(40)]
    assert set(statuses) == {404, 429} and 25 <= statuses.count(404) <= 31, statuses


def test_strangers_cannot_make_accounts_without_end(server: Server, root):
    def sign_up(number: int, client) -> int:
        body = {"name": f"n{number}", "password": "pass-word1", "email": f"n{number}@test.example"}
        return client.post("/api/v1/users/signup", body).status

    statuses = [sign_up(100 + number, server.client()) for number in range(110)]
    assert set(statuses) == {200, 429} and 95 <= statuses.count(200) <= 105
    assert sign_up(999, root) == 200


def test_the_first_password_is_not_its_own_successor(server: Server):
    same = {"old_password": ROOT_PASSWORD, "new_password": ROOT_PASSWORD}
    assert server.client().post("/api/v1/users/1/reset_password", same).status == 422
    assert server.client().post("/api/v1/users/signin", ROOT).json["must_change_password"]


def test_no_session_of_the_old_password_outlives_its_change(server: Server):
    """Sign-ins race with a change; whatever was given out with the old password is worth nothing afterwards."""
    old, new = "the-old-1pass", "the-new-1pass"
    client = server.guest("racer", old)
    for _ in range(5):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            change = pool.submit(
                server.client().post, f"/api/v1/users/{client.id}/reset_password", {"old_password": old, "new_password": new})
            racers = [server.client() for _ in range(3)]
            signed = [pool.submit(racer.post, "/api/v1/users/signin", {"name": "racer", "password": old}) for racer in racers]
            assert change.result().status == 200
        for racer, answer in zip(racers, signed):
            if answer.result().status == 200:
                assert racer.get("/api/v1/clusters").status == 401
        old, new = new, old


@pytest.mark.parametrize("name", ["root ", "ro\u200bot", "\u0440oot", "   ", "a\nb\x1b", "naïve", "a\u202eb"])
def test_names_that_look_like_others_are_refused(server: Server, name):
    answer = server.client().post(
        "/api/v1/users/signup", {"name": name, "password": "pass-word1", "email": "x@test.example"})
    assert answer.status == 422 and "'account_name' tag" in answer.json["errors"], answer


# Tokens.


def test_a_token_is_looked_at_before_the_path(server: Server, root):
    token = root.make_token("t")
    program = root.with_token(token["token"])
    for path in ("/oapi/v1/jobs/1/x", "/oapi/v1/clusters/1/x/y"):
        assert program.get(path).status == 301, path
    root.ok(root.patch(f"/api/v1/personal-access-tokens/{token['id']}", {"state": "inactive"}))
    answer = program.get("/oapi/v1/x")
    assert answer.status == 403 and answer.json["message"] == "Token is inactive"
    guest = server.guest("owner")
    theirs = root.with_token(root.make_token("u", user_id=guest.id)["token"])
    root.ok(root.patch(f"/api/v1/users/{guest.id}", {"state": "disable"}))
    assert theirs.get("/oapi/v1/x").status == 401


# Odd requests.


@pytest.mark.parametrize("query", ["name=%ff", "name=%00", "page=%c0%af", "%ff=1", "name=%zz"])
def test_queries_that_are_no_text_are_refused(server: Server, root, query):
    answer = root.get(f"/api/v1/configs?{query}")
    assert answer.status == 422 and answer.json["errors"]


def test_times_stay_within_the_format(server: Server, root):
    for time_text in ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"):
        body = {"name": "t", "user_id": 1, "expired_at": time_text}
        assert root.post("/api/v1/personal-access-tokens", body).status == 422, time_text


def test_null_does_not_hide_the_older_spelling(server: Server, root):
    args = {"url": "http://a.example/f", "filtered_query_params": None, "filteredQueryParams": "zz"}
    job = root.post("/api/v1/jobs", {"type": "get_task", "args": args})
    if job.status == 200:
        assert job.json["args"]["filtered_query_params"] == "zz"
    else:
        assert job.json["message"] == "active schedulers not found"


def test_a_body_that_breaks_off_is_no_fault_of_the_server(server: Server):
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(b"POST /api/v1/users/signin HTTP/1.1\r\nHost: box\r\nContent-Length: 20\r\n\r\n{")
    wait_until(lambda: ask(server.address, "/healthz").status == 200, "the server to answer")
    time.sleep(0.1)
    assert "level=error" not in server.log


def test_who_asks_first_may_send_the_body(server: Server):
    body = json.dumps(ROOT).encode()
    head = f"POST /api/v1/users/signin HTTP/1.1\r\nHost: box\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.status == 200 and json.loads(response.read())["token"]


# What others need to go on.


def test_guests_stay_possible(server: Server, root):
    answer = root.delete("/api/v1/roles/guest")
    assert answer.status == 409 and server.guest("still").get("/api/v1/clusters").status == 200


def test_nothing_is_purged_for_somebody_who_does_not_exist(server: Server, root):
    root.patch("/api/v1/configs/1", {"value": json.dumps({"job": {"ttl": 1}})})
    root.ok(root.post("/api/v1/jobs", {"type": "gc", "args": {"type": "audit"}}))
    answer = root.post("/api/v1/jobs", {"type": "gc", "args": {"type": "job"}, "user_id": 999})
    assert answer.status == 404 and len(root.ok(root.get("/api/v1/jobs"))) == 1


def test_providers_of_unknown_names_are_nowhere(server: Server, root):
    assert root.ok(root.get("/api/v1/oauth?name=gitlab")) == []
