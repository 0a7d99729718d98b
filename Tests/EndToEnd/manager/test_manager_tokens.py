"""Personal access tokens."""
from __future__ import annotations

import re
import zlib

import pytest

from server import FAR, Server
from waiting import wait_until

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def test_the_value_is_told_once(server: Server, root):
    token = root.make_token("t", bio="b")
    assert set(token) >= {
        "id", "created_at", "updated_at", "is_del", "name", "bio", "token", "scopes", "state", "expired_at", "user_id", "user"}
    assert re.fullmatch(r"mnn_[0-9A-Za-z]{36}", token["token"])
    number, text = zlib.crc32(token["token"][4:34].encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        text = ALPHABET[digit] + text
    assert token["token"].endswith(text), "the checksum"
    assert token["state"] == "active" and token["user"]["name"] == "root" and token["expired_at"] == FAR
    for answer in (
        root.get(f"/api/v1/personal-access-tokens/{token['id']}"), root.get("/api/v1/personal-access-tokens"),
        root.patch(f"/api/v1/personal-access-tokens/{token['id']}", {"bio": "c"}),
    ):
        assert answer.status == 200 and token["token"].encode() not in answer.body


def test_the_value_lies_nowhere(server: Server, root, engine):
    if engine != "sqlite":
        pytest.skip("looks into the file")
    value = root.make_token()["token"].encode()
    server.stop()
    for path in (server.folder / "data").iterdir():
        assert value not in path.read_bytes()


def test_where_a_token_may_stand(server: Server, root):
    value = root.make_token()["token"]
    client = server.client()
    assert client.get("/oapi/v1/jobs", headers={"Authorization": f"Bearer {value}"}).status == 200
    assert client.get("/oapi/v1/jobs", headers={"Authorization": f"bEaReR {value}"}).status == 200
    assert client.get(f"/oapi/v1/jobs?access_token={value}").status == 200
    assert client.get("/oapi/v1/jobs?access_token=", headers={"Authorization": f"Bearer {value}"}).status == 200
    # The query wins.
    assert client.get("/oapi/v1/jobs?access_token=x", headers={"Authorization": f"Bearer {value}"}).status == 401
    for field in (value, f"Bearer {value} x", f"Basic {value}", "Bearer", "Bearer "):
        answer = client.get("/oapi/v1/jobs", headers={"Authorization": field})
        assert answer.status == 401 and answer.json == {"message": "Unauthorized"}


def test_states_and_times_are_looked_at(server: Server, root):
    token = root.make_token("t", ["job"])
    path = f"/api/v1/personal-access-tokens/{token['id']}"
    program = root.with_token(token["token"])
    denied = program.get("/oapi/v1/clusters")
    assert denied.status == 403
    assert denied.json["message"] == (
        "Token doesn't have permission to access this resource. Required permission: cluster")
    root.ok(root.patch(path, {"state": "inactive"}))
    assert (program.get("/oapi/v1/jobs").status, program.get("/oapi/v1/jobs").json) == (403, {"message": "Token is inactive"})
    changed = root.ok(root.patch(path, {"state": "active", "expired_at": "2020-01-01T00:00:00+08:00"}))
    assert changed["scopes"] == ["job"], "what is left out stays"
    assert (program.get("/oapi/v1/jobs").status, program.get("/oapi/v1/jobs").json) == (403, {"message": "Token has expired"})
    root.ok(root.patch(path, {"expired_at": FAR, "scopes": ["cluster"]}))
    assert program.get("/oapi/v1/clusters").status == 200 and program.get("/oapi/v1/jobs").status == 403
    root.ok(root.delete(path))
    assert program.get("/oapi/v1/clusters").status == 401


def test_use_is_noted(server: Server, root):
    token = root.make_token()
    path = f"/api/v1/personal-access-tokens/{token['id']}"
    assert root.ok(root.get(path))["last_used_at"].startswith("0001-01-01")
    root.with_token(token["token"]).get("/oapi/v1/jobs")
    used = wait_until(lambda: root.ok(root.get(path))["last_used_at"], "the time of the last use")
    assert not used.startswith("0001-01-01")
    root.with_token(token["token"]).get("/oapi/v1/jobs")
    assert root.ok(root.get(path))["last_used_at"] == used, "once a minute is enough"


def test_guests_see_their_own(server: Server, root):
    guest = server.guest()
    root.make_token("roots")
    own = root.make_token("theirs", user_id=guest.id)
    assert [token["name"] for token in guest.ok(guest.get("/api/v1/personal-access-tokens"))] == ["theirs"]
    assert guest.ok(guest.get("/api/v1/personal-access-tokens?user_id=1")) == []
    assert guest.get("/api/v1/personal-access-tokens/1").status == 404
    assert guest.get(f"/api/v1/personal-access-tokens/{own['id']}").status == 200
    assert [token["name"] for token in root.ok(root.get("/api/v1/personal-access-tokens"))] == ["roots", "theirs"]
    assert [t["name"] for t in root.ok(root.get("/api/v1/personal-access-tokens?user_id=1&state=active"))] == ["roots"]


@pytest.mark.parametrize("change, status", [
    ({"name": ""}, 422), ({"expired_at": None}, 422), ({"expired_at": "tomorrow"}, 422), ({"user_id": 0}, 422),
    ({"user_id": 99}, 404), ({"name": "x" * 257}, 422), ({"scopes": [1]}, 422), ({"scopes": "job"}, 422),
])
def test_new_tokens_are_checked(reader, change, status):
    body = {"name": "t", "expired_at": FAR, "user_id": 1, **change}
    answer = reader.post("/api/v1/personal-access-tokens", body)
    assert answer.status == status, answer.body


def test_names_are_unique(server: Server, root):
    root.make_token("t")
    assert root.post("/api/v1/personal-access-tokens", {"name": "t", "expired_at": FAR, "user_id": 1}).status == 409
    assert root.patch("/api/v1/personal-access-tokens/1", {"scopes": []}).status == 422


@pytest.mark.parametrize("name", ["MINION_PAT", "DRAGONFLY_PAT"])
def test_a_token_can_be_given_from_outside(new_server, name):
    # As Dragonfly makes them: base64 of a UUID.
    value = "YjBjYTc4YTAtZTM4ZS00ZDZhLWFmZjQtMjVhZjg0ZTI2NjYz"
    server = new_server(env={name: value})
    root = server.sign_in()
    [token] = root.ok(root.get("/api/v1/personal-access-tokens"))
    assert token["name"] == "default" and token["scopes"] == ["job", "cluster"] and token["user_id"] == 1
    assert root.with_token(value).get("/oapi/v1/clusters").status == 200
