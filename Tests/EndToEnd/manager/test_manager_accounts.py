"""Signing in, up and out; passwords; roles; the state of users."""
from __future__ import annotations

import base64
import json
import time

import pytest

from server import Server


def claims(token: str) -> dict:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_root_signs_in_and_is_told_to_change_the_password(server: Server):
    client = server.client()
    answer = client.post("/api/v1/users/signin", {"name": "root", "password": "dragonfly"})
    body = client.ok(answer)
    assert set(body) == {"token", "expire", "must_change_password"}
    assert body["must_change_password"] is True
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"jwt={body['token']}; Path=/; Max-Age=1209600")
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
    assert claims(body["token"])["id"] == 1
    assert abs(claims(body["token"])["exp"] - time.time() - 1_209_600) < 60

    client.ok(client.post("/api/v1/users/1/reset_password", {"old_password": "dragonfly", "new_password": "new-secret"}))
    body = client.ok(client.post("/api/v1/users/signin", {"name": "root", "password": "new-secret"}))
    assert body["must_change_password"] is False


@pytest.mark.parametrize("body", [
    {"name": "root", "password": "wrong-password"}, {"name": "nobody", "password": "dragonfly"}, {"name": "root"},
    {"name": "ro", "password": "dragonfly"}, {"name": "root", "password": "short"}, {}, [], "x",
    {"name": 7, "password": "dragonfly"}, {"name": "x' OR '1'='1", "password": "' OR '1'='1"},
])
def test_whatever_is_wrong_is_unauthorized(shared: Server, body):
    answer = shared.client().post("/api/v1/users/signin", body)
    assert answer.status == 401 and answer.json == {"message": "Unauthorized"}
    assert answer.headers["WWW-Authenticate"] == "JWT realm=Dragonfly"


def test_the_token_counts_wherever_it_stands(server: Server, root):
    token = root.cookies["jwt"]
    client = server.client()
    assert client.get("/api/v1/users", headers={"Authorization": f"Bearer {token}"}).status == 200
    assert client.get("/api/v1/users", headers={"Authorization": f"bearer {token}"}).status == 200
    assert client.get(f"/api/v1/users?token={token}").status == 200
    assert client.get("/api/v1/users", headers={"Authorization": token}).status == 401
    # The cookie is looked at first, whatever else is there.
    bad = {"Cookie": "jwt=nonsense", "Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/users", headers=bad).status == 401


def test_signing_out_ends_the_token(server: Server, root):
    token = root.cookies["jwt"]
    other = server.sign_in()
    answer = root.post("/api/v1/users/signout")
    assert answer.status == 200 and answer.body == b""
    assert answer.headers["Set-Cookie"] == "jwt=; Path=/; Max-Age=0"
    assert server.client().get("/api/v1/users", headers={"Authorization": f"Bearer {token}"}).status == 401
    assert other.get("/api/v1/users").status == 200
    assert server.client().post("/api/v1/users/signout").status == 200


def test_changing_the_password_ends_all_tokens(server: Server, root):
    other = server.sign_in()
    body = {"old_password": "dragonfly", "new_password": "another-one"}
    assert server.client().post("/api/v1/users/1/reset_password", body).status == 200
    assert root.get("/api/v1/users").status == 401 and other.get("/api/v1/users").status == 401
    assert server.sign_in(password="another-one").get("/api/v1/users").status == 200


def test_refreshing_gives_a_new_token_of_the_same_session(server: Server, root):
    answer = root.call("POST", "/api/v1/users/refresh_token")
    body = root.ok(answer)
    assert root.cookies["jwt"] == body["token"]
    assert root.get("/api/v1/users").status == 200
    root.ok(root.post("/api/v1/users/signout"))
    late = server.client().call("POST", "/api/v1/users/refresh_token", headers={"Authorization": f"Bearer {body['token']}"})
    assert late.status == 401
    assert server.client().call("POST", "/api/v1/users/refresh_token").status == 401


def test_sessions_outlive_a_restart(server: Server, root):
    server.stop()
    server.restart()
    assert root.get("/api/v1/users").status == 200


def test_sign_up_makes_a_guest(server: Server, root):
    body = {
        "name": "newbie", "password": "password1", "email": "new@test.example", "phone": "1", "avatar": "a",
        "location": "l", "bio": "b",
    }
    user = server.client().ok(server.client().post("/api/v1/users/signup", body))
    assert set(user) == {
        "id", "created_at", "updated_at", "is_del", "email", "name", "avatar", "phone", "state", "location", "bio", "configs"}
    assert {**user, **{k: v for k, v in body.items() if k != "password"}} == user
    assert user["state"] == "enable" and user["is_del"] == 0 and user["configs"] is None
    assert root.ok(root.get(f"/api/v1/users/{user['id']}/roles")) == ["guest"]
    for again in ({**body, "email": "other@test.example"}, {**body, "name": "other"}):
        answer = server.client().post("/api/v1/users/signup", again)
        assert answer.status == 409 and answer.json == {"message": "Conflict"}


@pytest.mark.parametrize("change, field, tag", [
    ({"name": "ab"}, "Name", "min"), ({"name": "a" * 11}, "Name", "max"), ({"name": ""}, "Name", "required"),
    ({"password": "1234567"}, "Password", "min"), ({"password": "1" * 21}, "Password", "max"),
    ({"email": "nonsense"}, "Email", "email"), ({"email": None}, "Email", "required"),
])
def test_sign_up_is_checked(shared: Server, change, field, tag):
    body = {"name": "newbie", "password": "password1", "email": "new@test.example", **change}
    answer = shared.client().post("/api/v1/users/signup", body)
    assert answer.status == 422
    line = f"Key: 'SignUpRequest.{field}' Error:Field validation for '{field}' failed on the '{tag}' tag"
    assert answer.json == {"errors": line, "message": line}


def test_sign_up_can_be_closed(new_server):
    server = new_server("--signup", "closed")
    body = {"name": "newbie", "password": "password1", "email": "new@test.example"}
    answer = server.client().post("/api/v1/users/signup", body)
    assert answer.status == 403 and answer.json["message"] == "sign-up is closed"
    root = server.sign_in()
    root.ok(root.post("/api/v1/users/signup", body))
    guest = server.sign_in("newbie", "password1")
    assert guest.post("/api/v1/users/signup", {**body, "name": "next", "email": "n@test.example"}).status == 403


def test_the_old_password_has_to_be_right(server: Server):
    client = server.client()
    path = "/api/v1/users/1/reset_password"
    assert client.post(path, {"old_password": "not-the-one", "new_password": "whatever1"}).status == 401
    assert client.post(path, {"old_password": "dragonfly", "new_password": "short"}).status == 422
    missing = client.post("/api/v1/users/999/reset_password", {"old_password": "dragonfly", "new_password": "whatever1"})
    assert missing.status == 404 and missing.json == {"message": "record not found"}
    assert server.sign_in().get("/api/v1/users").status == 200


def test_guessing_gets_slow(server: Server):
    statuses = [
        server.client().post("/api/v1/users/signin", {"name": "root", "password": f"guess-{i:04}"}) for i in range(8)]
    assert [answer.status for answer in statuses[:5]] == [401] * 5
    assert statuses[-1].status == 429
    assert int(statuses[-1].headers["Retry-After"]) >= 1
    # Even the right one has to wait, and then is right.
    assert server.client().post("/api/v1/users/signin", {"name": "root", "password": "dragonfly"}).status == 429
    # Others are not held up.
    server.guest()
    time.sleep(int(statuses[-1].headers["Retry-After"]) + 0.5)
    assert server.sign_in().get("/api/v1/users").status == 200


def test_unknown_accounts_take_as_long_as_known_ones(server: Server):
    def seconds(name: str) -> float:
        best = 9.0
        for _ in range(3):
            began = time.monotonic()
            assert server.client().post("/api/v1/users/signin", {"name": name, "password": "password1"}).status == 401
            best = min(best, time.monotonic() - began)
        return best

    known, unknown = seconds("root"), seconds("nobody")
    assert unknown > known / 2, (known, unknown)


def test_the_cookie_can_be_made_readable(new_server):
    server = new_server("--jwt-cookie", "readable")
    answer = server.client().post("/api/v1/users/signin", {"name": "root", "password": "dragonfly"})
    assert "HttpOnly" not in answer.headers["Set-Cookie"] and "SameSite=Lax" in answer.headers["Set-Cookie"]


def test_the_cookie_is_secure_behind_https(server: Server):
    answer = server.client().post(
        "/api/v1/users/signin", {"name": "root", "password": "dragonfly"}, headers={"X-Forwarded-Proto": "https"})
    assert "; Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("name", ["MINION_INITIAL_ROOT_PASSWORD", "DRAGONFLY_INITIAL_ROOT_PASSWORD"])
def test_the_first_password_can_be_given(new_server, name):
    server = new_server(env={name: "from-outside"})
    assert server.client().post("/api/v1/users/signin", {"name": "root", "password": "dragonfly"}).status == 401
    assert server.sign_in(password="from-outside").get("/api/v1/users").status == 200


def test_users_are_listed_filtered_and_changed(server: Server, root):
    for name in ("anna", "berta"):
        server.guest(name)
    assert [user["name"] for user in root.ok(root.get("/api/v1/users"))] == ["root", "anna", "berta"]
    assert [user["name"] for user in root.ok(root.get("/api/v1/users?name=anna"))] == ["anna"]
    assert [user["name"] for user in root.ok(root.get("/api/v1/users?email=berta@test.example"))] == ["berta"]
    assert root.ok(root.get("/api/v1/users?state=disable")) == []
    assert root.get("/api/v1/users?state=strange").status == 422
    changed = root.ok(root.patch("/api/v1/users/2", {"bio": "hello", "email": "no check", "phone": ""}))
    assert changed["bio"] == "hello" and changed["email"] == "no check"
    assert root.patch("/api/v1/users/3", {"email": "no check"}).status == 409
    assert root.get("/api/v1/users/99").json == {"message": "record not found"}


def test_roles_are_given_and_taken(server: Server, root):
    guest = server.guest()
    path = f"/api/v1/users/{guest.id}/roles"
    assert guest.post("/api/v1/configs", {"name": "x", "value": "y", "user_id": 1}).status == 401
    answer = root.put(f"{path}/root")
    assert answer.status == 200 and answer.body == b""
    assert sorted(root.ok(root.get(path))) == ["guest", "root"]
    assert guest.post("/api/v1/configs", {"name": "x", "value": "y", "user_id": 1}).status == 200
    again = root.put(f"{path}/root")
    assert again.status == 409 and again.body == b""
    root.ok(root.delete(f"{path}/root"))
    gone = root.delete(f"{path}/root")
    assert gone.status == 404 and gone.body == b""
    assert root.put(f"{path}/nothing").status == 404
    assert guest.post("/api/v1/configs", {"name": "z", "value": "y", "user_id": 1}).status == 401


def test_the_last_root_stays(server: Server, root):
    guest = server.guest()
    assert root.delete("/api/v1/users/1/roles/root").status == 409
    assert root.ok(root.get("/api/v1/users/1/roles")) == ["root"]
    root.ok(root.put(f"/api/v1/users/{guest.id}/roles/root"))
    assert guest.patch("/api/v1/users/1", {"state": "disable"}).status == 200
    # Now that one is the last that can sign in.
    assert guest.delete(f"/api/v1/users/{guest.id}/roles/root").status == 409
    assert guest.patch(f"/api/v1/users/{guest.id}", {"state": "disable"}).status == 409


def test_disabled_users_are_refused_everywhere(server: Server, root):
    guest = server.guest()
    token = root.make_token("theirs", user_id=guest.id)["token"]
    program = root.with_token(token)
    assert guest.get("/api/v1/clusters").status == 200 and program.get("/oapi/v1/clusters").status == 200
    assert root.ok(root.patch(f"/api/v1/users/{guest.id}", {"state": "disable"}))["state"] == "disable"
    assert guest.get("/api/v1/clusters").status == 401
    assert guest.call("POST", "/api/v1/users/refresh_token").status == 401
    assert program.get("/oapi/v1/clusters").status == 401
    assert server.client().post("/api/v1/users/signin", {"name": "guest1", "password": "guest-pass1"}).status == 401
    path = f"/api/v1/users/{guest.id}/reset_password"
    assert server.client().post(path, {"old_password": "guest-pass1", "new_password": "guest-pass2"}).status == 401
    root.ok(root.patch(f"/api/v1/users/{guest.id}", {"state": "enable"}))
    assert program.get("/oapi/v1/clusters").status == 200
    assert server.sign_in("guest1", "guest-pass1").get("/api/v1/clusters").status == 200


def test_roles_are_made_and_removed(server: Server, root):
    assert root.ok(root.get("/api/v1/roles")) == ["root", "guest"]
    triples = root.ok(root.get("/api/v1/roles/guest"))
    assert ["guest", "users", "read"] in triples and all(action == "read" for _, _, action in triples)
    body = {"role": "jobber", "permissions": [{"object": "jobs", "action": "*"}]}
    assert root.post("/api/v1/roles", body).status == 200
    assert root.post("/api/v1/roles", {"role": "x"}).status == 422
    assert root.post("/api/v1/roles", {"role": "x", "permissions": [{"object": "jobs", "action": "write"}]}).status == 422
    assert root.ok(root.get("/api/v1/roles/jobber")) == [["jobber", "jobs", "*"]]
    more = {"object": "clusters", "action": "read"}
    assert root.post("/api/v1/roles/jobber/permissions", more).status == 200
    again = root.post("/api/v1/roles/jobber/permissions", more)
    assert again.status == 409 and again.body == b""
    guest = server.guest()
    root.ok(root.put(f"/api/v1/users/{guest.id}/roles/jobber"))
    root.ok(root.delete(f"/api/v1/users/{guest.id}/roles/guest"))
    assert guest.get("/api/v1/clusters").status == 200 and guest.get("/api/v1/jobs").status == 200
    assert guest.get("/api/v1/users").json == {"message": "permission deny"}
    assert root.delete("/api/v1/roles/jobber/permissions", more).status == 200
    assert root.delete("/api/v1/roles/jobber/permissions", more).status == 404
    assert guest.get("/api/v1/clusters").status == 401
    assert root.delete("/api/v1/roles/jobber").status == 200
    assert guest.get("/api/v1/jobs").status == 401
    assert root.get("/api/v1/roles/jobber").status == 404
    assert root.delete("/api/v1/roles/root").status == 409
    assert root.delete("/api/v1/roles/root/permissions", {"object": "users", "action": "*"}).status == 409
    permissions = root.ok(root.get("/api/v1/permissions"))
    assert len(permissions) == 36 and {"object": "seed-peer-clusters", "action": "read"} in permissions
