"""A node that serves one file, asked in both of its languages."""
from __future__ import annotations

from urllib.parse import quote

from checks import MIB, assert_ok
from content import Content
from http_calls import ask
from protocol import task_id

#: Not a multiple of either piece size, and longer than one sendfile call of the old one.
SIZE = 7 * MIB + 5 * 1000


class Node:
    """A host's node that has, or is getting, the file of `url`."""

    def __init__(self, address, url, content):
        self.address = address
        self.content = content
        self.task = task_id(url)
        self._url = url

    def get(self, range=None, method="GET", task=None, **headers):
        """The content by the standard's rules."""
        if range is not None:
            headers["Range"] = range
        return ask(self.address, f"/v1/tasks/{task or self.task}/content", method, headers=headers)

    def old(self, more="", range=None, res=None):
        """The query form of old Minion's clients."""
        headers = {"Range": range} if range else {}
        return ask(self.address, f"/?res_url={quote(res or self._url, safe='')}{more}", headers=headers)

    def piece(self, start):
        return self.content.bytes(start // MIB * MIB, start // MIB * MIB + MIB)


def serve(box, tracker, source, size, *arguments):
    resource = source.add("/file.bin", Content(size))
    host = box.host("server")
    outcome = host.get(resource.url, *arguments, tracker=tracker, upload_time=300)
    assert_ok(outcome, host, "file.bin", resource.content)
    return Node(tracker.node_address(resource.url), resource.url, resource.content)


def stall(box, tracker, source):
    """A node whose source stalls, so that some of its pieces are there and others never come."""
    resource = source.add("/file.bin", Content(SIZE), stall_after=MIB + 1000)
    box.host("server").start_get(resource.url, tracker=tracker, upload_time=300)
    return Node(tracker.node_address(resource.url), resource.url, resource.content)
