"""The audit: who called what, and how it ended."""
from __future__ import annotations

from server import Server, wait_for_audit


def test_every_call_is_recorded(server: Server, root):
    guest = server.guest()
    program = root.with_token(root.make_token("robot", ["job"])["token"])
    guest.post("/api/v1/configs", {"name": "x", "value": "y", "user_id": 1})
    program.get("/oapi/v1/jobs?type=secret")
    program.get("/oapi/v1/clusters")
    server.client().get("/api/v1/users")
    server.client().get("/api/v1/nowhere")
    [denied] = wait_for_audit(root, "actor_name=guest1&operation=POST")
    assert set(denied) == {
        "id", "created_at", "updated_at", "is_del", "actor_type", "actor_name", "event_type", "operation", "operated_at",
        "state", "path", "status_code", "detail"}
    assert denied["actor_type"] == "USER" and denied["state"] == "FAILURE" and denied["status_code"] == 401
    assert denied["path"] == "/api/v1/configs" and denied["event_type"] == "API"
    used = wait_for_audit(root, "actor_type=PAT", 2)
    assert {(record["path"], record["status_code"]) for record in used} == {("/oapi/v1/jobs", 200), ("/oapi/v1/clusters", 403)}
    assert {record["actor_name"] for record in used} == {"robot"}
    signed_in = wait_for_audit(root, "path=/api/v1/users/signin", 2)
    assert {(record["actor_type"], record["actor_name"], record["state"]) for record in signed_in} == {
        ("UNKNOWN", "unknown", "SUCCESS")}
    [unknown] = wait_for_audit(root, "actor_type=UNKNOWN&path=/api/v1/users&status_code=401")
    assert unknown["state"] == "FAILURE"
    assert wait_for_audit(root, "path=/api/v1/nowhere&status_code=301")
    times = [record["created_at"] for record in root.ok(root.get("/api/v1/audits?per_page=100"))]
    assert times == sorted(times, reverse=True)
    for query in ("actor_type=X", "state=X", "event_type=X", "status_code=x"):
        assert root.get(f"/api/v1/audits?{query}").status == 422


def test_paths_are_recorded_without_queries_and_not_too_long(server: Server, root):
    root.get("/api/v1/users?name=secret")
    root.get("/api/v1/" + "x" * 3000)
    assert wait_for_audit(root, "path=/api/v1/users&operation=GET")
    records = wait_for_audit(root, "status_code=301")
    assert [len(record["path"]) for record in records] == [1024]


def test_nothing_is_lost_on_a_stop(server: Server, root):
    for number in range(300):
        root.get(f"/api/v1/users/{number + 1000}")
    server.stop()
    server.restart()
    records = root.ok(root.get("/api/v1/audits?per_page=10000&status_code=404"))
    assert len(records) == 300
