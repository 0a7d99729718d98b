"""Who may call what: every operation of the document, by every kind of caller."""
from __future__ import annotations

from server import Server

#: The operations below /api/v1 that are for anybody.
OPEN = ("/users/signin", "/users/signup", "/users/signout", "/users/refresh_token", "/reset_password")


def operations(server: Server):
    document = server.client().ok(server.client().get("/openapi.json"))
    for path, item in document["paths"].items():
        for method, operation in item.items():
            target = path
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    # An id that nobody has, so that what is allowed changes nothing.
                    value = "424242" if parameter["schema"]["type"] == "integer" else "nobody"
                    target = target.replace("{" + parameter["name"] + "}", value)
            yield method.upper(), path, target


def is_denied(answer) -> bool:
    return answer.status == 401 and answer.json["message"] in ("Unauthorized", "permission deny")


def test_every_operation_is_for_those_that_it_is_for(server: Server, root):
    guest = server.guest()
    disabled = server.guest("disabled")
    root.ok(root.patch(f"/api/v1/users/{disabled.id}", {"state": "disable"}))
    callers = {
        "nobody": server.client(), "guest": guest, "root": root, "disabled": disabled,
        "job": root.with_token(root.make_token("j", ["job"])["token"]),
        "cluster": root.with_token(root.make_token("c", ["cluster"])["token"]),
        "expired": root.with_token(root.make_token("e", ["job", "cluster"], expired_at="2001-01-01T00:00:00Z")["token"]),
        "unknown": root.with_token("mnn_000000000000000000000000000000000000"),
    }
    checked = 0
    for method, path, target in operations(server):
        if path in ("/", "/docs", "/healthy", "/healthz", "/openapi.json"):
            assert callers["nobody"].call(method, target).status == 200, path
            continue
        if path == "/swagger/{page}":
            continue
        if path.startswith("/api/v1"):
            if path.removeprefix("/api/v1").startswith(OPEN) or path.endswith(OPEN):
                continue
            allowed = {"root", "guest"} if method == "GET" else {"root"}
        else:
            allowed = {"job"} if path.startswith("/oapi/v1/jobs") else {"cluster"}
        for name, client in callers.items():
            # A body that is wrong: what is let through is told so, and changes nothing.
            answer = client.call(method, target, [] if method in ("POST", "PATCH", "PUT") else None)
            place = (name, method, path, answer.status, answer.body)
            checked += 1
            if name in allowed:
                assert answer.status not in (401, 403), place
            elif path.startswith("/oapi") and name in ("job", "cluster", "expired"):
                assert answer.status == 403, place
            else:
                assert is_denied(answer), place
    assert checked > 600
    assert root.get("/api/v1/users").status == 200, "nothing of this did any harm"


def test_a_token_without_scopes_has_both(server: Server, root):
    token = root.make_token("both", [])
    assert token["scopes"] == ["job", "cluster"]
    program = root.with_token(token["token"])
    assert program.get("/oapi/v1/jobs").status == 200 and program.get("/oapi/v1/clusters").status == 200


def test_paths_that_no_token_opens(server: Server, root):
    program = root.with_token(root.make_token()["token"])
    answer = program.get("/oapi/v1/users")
    assert answer.status == 403
    assert answer.json == {"message": "Failed to extract resource type from path: /oapi/v1/users"}
