"""Preheats of images, from a registry as people run it."""
from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Dict, List, Tuple

import pytest

from fleet import Fleet
from http_calls import ask
from processes import free_port
from waiting import wait_until

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PASSWORD = "the-registry-word"
#: bcrypt of it, the only kind that this registry takes.
PASSWORD_HASH = "$2b$04$UWx1sQyUcGX9jckmGXHm8eQYozckjhJiFoRAMO8pK0AorHFRgtruu"


class Registry:
    """Debian's docker-registry on a port and a folder of its own."""

    def __init__(self, folder: Path, user: str = ""):
        self.folder = folder
        self.port = free_port()
        self.user = user
        lines = [
            "version: 0.1", "storage:", "  filesystem:", f"    rootdirectory: {folder / 'data'}", "http:",
            f"  addr: 127.0.0.1:{self.port}"]
        if user:
            (folder / "users").write_text(f"{user}:{PASSWORD_HASH}\n")
            lines += ["auth:", "  htpasswd:", "    realm: test", f"    path: {folder / 'users'}"]
        (folder / "config.yml").write_text("\n".join(lines) + "\n")
        self.log = open(folder / "log", "wb")
        self.process = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")], stdout=self.log, stderr=self.log,
            env={"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none"})
        wait_until(self._is_up, "the registry to answer")

    def _is_up(self) -> bool:
        try:
            return self.ask("/v2/").status in (200, 401)
        except OSError:
            return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, method: str = "GET", body: bytes = b"", **headers: str):
        if self.user:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{self.user}:{PASSWORD}".encode()).decode()
        return ask(("127.0.0.1", self.port), path, method, body or None, headers=headers)

    def put_blob(self, repository: str, data: bytes) -> Dict[str, object]:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        begun = self.ask(f"/v2/{repository}/blobs/uploads/", "POST")
        assert begun.status == 202, begun
        location = begun.headers["Location"].replace(self.url, "")
        done = self.ask(f"{location}{'&' if '?' in location else '?'}digest={digest}", "PUT", data)
        assert done.status == 201, done
        return {"digest": digest, "size": len(data)}

    def put_manifest(self, repository: str, name: str, kind: str, content: dict) -> Dict[str, object]:
        data = json.dumps({"schemaVersion": 2, "mediaType": kind, **content}).encode()
        headers = {"Content-Type": kind}
        answer = self.ask(f"/v2/{repository}/manifests/{name}", "PUT", data, **headers)
        assert answer.status == 201, answer
        return {"digest": "sha256:" + hashlib.sha256(data).hexdigest(), "size": len(data), "mediaType": kind}

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()


def layer(name: str, size: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = size
        archive.addfile(info, io.BytesIO(os.urandom(size)))
    return gzip.compress(out.getvalue(), mtime=0)


def push_image(registry: Registry, repository: str = "team/app") -> Tuple[str, Dict[str, List[str]]]:
    """An image for two platforms, which share a layer; the manifest's URL and the blobs of each platform."""
    shared = registry.put_blob(repository, layer("shared", 300_000))
    parts, blobs = [], {}
    for architecture in ("amd64", "arm64"):
        own = registry.put_blob(repository, layer(architecture, 400_000))
        config = registry.put_blob(repository, json.dumps({"architecture": architecture, "os": "linux"}).encode())
        described = {
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **part} for part in (shared, own)]}
        digest = "sha256:" + hashlib.sha256(
            json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, **described}).encode()).hexdigest()
        manifest = registry.put_manifest(repository, digest, MANIFEST, described)
        parts.append({**manifest, "platform": {"architecture": architecture, "os": "linux"}})
        blobs[architecture] = [
            f"{registry.url}/v2/{repository}/blobs/{part['digest']}" for part in (config, shared, own)]
    registry.put_manifest(repository, "latest", INDEX, {"manifests": parts})
    return f"{registry.url}/v2/{repository}/manifests/latest", blobs


@pytest.fixture
def ready(fleet: Fleet) -> Fleet:
    if not shutil.which("docker-registry"):
        pytest.skip("no docker-registry")
    fleet.wait_for_scheduler()
    return fleet


@pytest.fixture(params=["", "user"])
def registry(request, ready: Fleet, tmp_path: Path):
    registry = Registry(tmp_path, request.param)
    yield registry
    registry.close()


def credentials(registry: Registry) -> dict:
    return {"username": registry.user, "password": PASSWORD} if registry.user else {}


def image_job(fleet: Fleet, url: str, **args: object) -> dict:
    return fleet.start_job("preheat", {"type": "image", "url": url, **args})


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_an_images_layers_are_brought(ready: Fleet, registry: Registry, architecture):
    url, blobs = push_image(registry)
    ready.seeds(1)
    job = ready.succeed(image_job(ready, url, platform=f"linux/{architecture}", **credentials(registry)))
    [result] = ready.results(job)
    assert {task["url"] for task in result["success_tasks"]} == set(blobs[architecture])
    assert PASSWORD not in json.dumps(job)
    ready.server.stop()
    for path in (ready.server.folder / "data").rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path
    assert PASSWORD not in ready.server.log


def test_who_has_which_layers(ready: Fleet, tmp_path: Path):
    registry = Registry(tmp_path)
    try:
        url, blobs = push_image(registry)
        ready.nodes(2)
        ready.succeed(image_job(ready, url, platform="linux/amd64", scope="all_peers"))
        answer = ready.root.post("/api/v1/jobs", {
            "type": "get_image_distribution", "args": {"url": url, "platform": "linux/amd64"}})
        found = ready.root.ok(answer)
        assert {part["url"] for part in found["image"]["layers"]} == set(blobs["amd64"])
        layers = {peer["hostname"]: {part["url"] for part in peer["cached_layers"]} for peer in found["peers"]}
        assert layers == {name: set(blobs["amd64"]) for name in ("node0", "node1")}
    finally:
        registry.close()


@pytest.mark.parametrize("change, text", [
    ({"password": "wrong"}, "failed to authenticate with registry"), ({"platform": "plan9/386"}, "no matching manifest"),
    ({"platform": "linux"}, "invalid platform format"),
])
def test_what_a_registry_refuses_is_told(ready: Fleet, tmp_path: Path, change, text):
    registry = Registry(tmp_path, "user")
    try:
        url, _ = push_image(registry)
        args = {"type": "image", "url": url, "platform": "linux/amd64", **credentials(registry), **change}
        answer = ready.root.post("/api/v1/jobs", {"type": "preheat", "args": args})
        assert answer.status == 422 and text in answer.json["message"] and PASSWORD not in answer.json["message"], answer
    finally:
        registry.close()


def test_a_registry_that_is_not_there_is_told(ready: Fleet):
    url = f"http://127.0.0.1:{free_port()}/v2/a/manifests/b"
    answer = ready.root.post("/api/v1/jobs", {"type": "preheat", "args": {"type": "image", "url": url}})
    assert answer.status == 422 and "failed to pull image manifest" in answer.json["message"]
    # The manager connects to no place that is not allowed.
    url = "http://169.254.169.254/v2/a/manifests/b"
    answer = ready.root.post("/api/v1/jobs", {"type": "preheat", "args": {"type": "image", "url": url}})
    assert answer.status == 422 and "169.254.169.254" in answer.json["message"]
