"""Signing in with an account elsewhere: a provider of the test's own."""
from __future__ import annotations

import base64
import hashlib
import http.server
import json
import threading
from urllib.parse import parse_qs, urlsplit

import pytest

from server import Server


class Provider:
    """Speaks OAuth 2.0 in the ways of GitHub and Google."""

    def __init__(self) -> None:
        self.profile: dict = {"id": 42, "login": "octocat", "email": "octo@cat.example"}
        self.token_status = 200
        self.requests: list = []
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, status: int, body: dict) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                provider.requests.append({key: values[0] for key, values in form.items()})
                good = form["code"] == ["good"] and form["client_secret"] == ["the-secret"]
                self.answer(provider.token_status, {"access_token": "a-token"} if good else {"error": "bad_verification_code"})

            def do_GET(self) -> None:
                known = self.headers["Authorization"] == "Bearer a-token"
                self.answer(200 if known else 401, provider.profile if known else {})

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def provider():
    provider = Provider()
    yield provider
    provider.close()


def register(root, provider: Provider, name: str = "github") -> dict:
    return root.ok(root.post("/api/v1/oauth", {
        "name": name, "client_id": f"id-{name}", "client_secret": "the-secret", "authorize_url": f"{provider.url}/authorize",
        "token_url": f"{provider.url}/token", "profile_url": f"{provider.url}/user"}))


def begin(client, name: str = "github") -> dict:
    answer = client.get(f"/api/v1/users/signin/{name}")
    assert answer.status == 302
    return {key: values[0] for key, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def finish(client, state: str, code: str = "good", name: str = "github"):
    return client.get(f"/api/v1/users/signin/{name}/callback?code={code}&state={state}")


def test_providers_are_rows(server: Server, root):
    body = {"name": "github", "client_id": "id", "client_secret": "hush", "redirect_url": "https://m.example/cb", "bio": "b"}
    made = root.ok(root.post("/api/v1/oauth", body))
    assert {key: made[key] for key in ("name", "client_id", "redirect_url", "bio")} == {
        key: body[key] for key in ("name", "client_id", "redirect_url", "bio")}
    assert "hush" not in json.dumps(root.ok(root.get("/api/v1/oauth"))) and "client_secret" not in made
    assert root.post("/api/v1/oauth", body).status == 409
    assert root.post("/api/v1/oauth", {**body, "name": "google"}).status == 409, "the client, too, is unique"
    root.ok(root.post("/api/v1/oauth", {**body, "name": "google", "client_id": "other"}))
    for bad in ({"name": "gitlab"}, {"client_id": ""}, {"client_secret": ""}, {"redirect_url": "nonsense"}):
        assert root.post("/api/v1/oauth", {**body, **bad}).status == 422, bad
    assert [p["name"] for p in root.ok(root.get("/api/v1/oauth?client_id=other"))] == ["google"]
    assert root.ok(root.patch("/api/v1/oauth/1", {"bio": "c"}))["bio"] == "c"
    root.ok(root.delete("/api/v1/oauth/1"))
    assert root.get("/api/v1/oauth/1").status == 404


def test_the_standard_providers_are_known(server: Server, root):
    assert root.get("/api/v1/users/signin/github").status == 404
    for name, host in (("github", "https://github.com/"), ("google", "https://accounts.google.com/")):
        root.ok(root.post("/api/v1/oauth", {"name": name, "client_id": name, "client_secret": "s"}))
        answer = server.client().get(f"/api/v1/users/signin/{name}")
        assert answer.status == 302 and answer.headers["Location"].startswith(host)
        assert f"%2Fapi%2Fv1%2Fusers%2Fsignin%2F{name}%2Fcallback" in answer.headers["Location"]


def test_somebody_comes_and_comes_again(server: Server, root, provider: Provider):
    register(root, provider)
    client = server.client()
    asked = begin(client)
    assert asked["client_id"] == "id-github" and asked["response_type"] == "code"
    answer = finish(client, asked["state"])
    assert answer.status == 302 and answer.headers["Location"] == "/"
    [request] = provider.requests
    verifier = request.pop("code_verifier")
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert asked["code_challenge"] == digest and asked["code_challenge_method"] == "S256"
    assert verifier not in (asked["state"], digest) and len(verifier) >= 43
    assert provider.requests == [{
        "client_id": "id-github", "client_secret": "the-secret", "code": "good", "grant_type": "authorization_code",
        "redirect_uri": asked["redirect_uri"]}]
    assert "jwt" in client.cookies and "minion_oauth" not in client.cookies
    assert client.get("/api/v1/clusters").status == 200
    [user] = root.ok(root.get("/api/v1/users?name=octocat"))
    assert user["email"] == "octo@cat.example" and root.ok(root.get(f"/api/v1/users/{user['id']}/roles")) == ["guest"]

    provider.profile = {"id": 42, "login": "renamed"}
    other = server.client()
    assert finish(other, begin(other)["state"]).status == 302
    assert len(root.ok(root.get("/api/v1/users"))) == 2, "the same account, whatever it is called now"
    # There is no password to it.
    assert server.client().post("/api/v1/users/signin", {"name": "octocat", "password": "password1"}).status == 401


def test_nobody_becomes_somebody_else(server: Server, root, provider: Provider):
    """A name or an address elsewhere says nothing about accounts here."""
    register(root, provider)
    server.guest("victim")
    provider.profile = {"id": 1, "login": "root", "email": "victim@test.example"}
    client = server.client()
    assert finish(client, begin(client)["state"]).status == 302
    users = {user["name"]: user for user in root.ok(root.get("/api/v1/users"))}
    assert set(users) == {"root", "victim", "root-2"} and users["root-2"]["email"] == ""
    assert client.post("/api/v1/configs", {"name": "x", "value": "y", "user_id": 1}).status == 401


def test_only_who_began_can_finish(server: Server, root, provider: Provider):
    register(root, provider)
    client = server.client()
    state = begin(client)["state"]
    assert finish(server.client(), state).status == 401, "another browser"
    assert finish(client, "wrong").status == 401
    assert client.get("/api/v1/users/signin/github/callback?code=good").status == 401
    assert client.get(f"/api/v1/users/signin/github/callback?state={state}").status == 422
    assert provider.requests == []
    assert finish(client, state).status == 302


def test_what_the_provider_does_not_like_is_unauthorized(server: Server, root, provider: Provider):
    register(root, provider)
    client = server.client()
    answer = finish(client, begin(client)["state"], code="bad")
    assert answer.status == 401 and answer.json == {"message": "Unauthorized"} and "jwt" not in client.cookies
    provider.token_status = 500
    assert finish(client, begin(client)["state"]).status == 401
    provider.token_status, provider.profile = 200, {"login": "nobody in particular"}
    assert finish(client, begin(client)["state"]).status == 401
    provider.close()
    provider.close = lambda: None
    assert finish(client, begin(client)["state"]).status == 401
    assert "the-secret" not in server.log


def test_disabled_users_and_closed_doors(new_server, provider: Provider):
    server = new_server("--signup", "closed")
    root = server.sign_in()
    register(root, provider, "google")
    provider.profile = {"sub": "1", "email": "some.body@g.example", "email_verified": True}
    client = server.client()
    assert finish(client, begin(client, "google")["state"], name="google").status == 403
    assert len(root.ok(root.get("/api/v1/users"))) == 1


def test_a_disabled_user_does_not_come_in(server: Server, root, provider: Provider):
    register(root, provider)
    client = server.client()
    finish(client, begin(client)["state"])
    [user] = root.ok(root.get("/api/v1/users?name=octocat"))
    root.ok(root.patch(f"/api/v1/users/{user['id']}", {"state": "disable"}))
    assert client.get("/api/v1/clusters").status == 401
    assert finish(client, begin(client)["state"]).status == 401
