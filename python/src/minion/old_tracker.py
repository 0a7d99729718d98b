"""The first Minion's calls of the tracker, as far as its class needs them."""
from __future__ import annotations

import json
import random
import socket
import urllib.error
import urllib.request
from typing import Any, Dict, List, Optional, Tuple
from urllib.parse import quote, urlencode

#: The port of `minion serve`, for trackers that are given without one.
DEFAULT_PORT = 8080
_TRIES = 3
_TIMEOUT = 20
#: Ports that no system hands out by itself, so that one which is free now is still free in a moment.
_PORTS = range(20_000, 32_000)
_LONGEST_ANSWER = 16 << 20


def base_url(tracker: str) -> str:
    """`host`, `host:port`, `[v6]:port` or a URL, to a URL without a slash at the end."""
    if "://" in tracker:
        return tracker.rstrip("/")
    has_port = tracker.rpartition("]")[2].count(":") == 1
    return f"http://{tracker}" if has_port else f"http://{tracker}:{DEFAULT_PORT}"


def peers(tracker: str, resource: str, site: Optional[str] = None) -> List[Tuple[str, int]]:
    """Who has it; only those of `site` if that is given. Raises an OSError or a ValueError."""
    query = {"res": resource}
    body = None
    if site is not None:
        # In the query for new trackers and those behind a proxy, in the body for old ones.
        query.update(strict="site", site=site)
        body = json.dumps({"adt_info": {"site": site}}).encode()
    answer = _ask(tracker, "GET", query, body)
    found = answer.get(resource)
    if not isinstance(found, list):
        raise ValueError("its answer has no list of peers")
    return [(str(peer[0]), int(peer[1])) for peer in found]


def forget(tracker: str, resource: str, ip: str, port: int) -> None:
    _ask(tracker, "DELETE", {"res": resource, "ip": ip, "port": str(port)})


def is_own_address(ip: str) -> bool:
    """Whether this machine has it."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((ip, 0))
        return True
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens on."""
    for port in random.sample(_PORTS, 100):
        try:
            with socket.socket() as probe:
                probe.bind(("", port))
            return port
        except OSError:
            continue
    raise OSError("no free port found")


def _ask(tracker: str, method: str, query: Dict[str, str], body: Optional[bytes] = None) -> Dict[str, Any]:
    url = f"{base_url(tracker)}/peer/?{urlencode(query, quote_via=quote)}"
    headers = {"Content-Type": "application/json; charset=utf-8"} if body else {}
    # Trackers are near; proxies are for what is far.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for left in reversed(range(_TRIES)):
        try:
            request = urllib.request.Request(url, data=body, headers=headers, method=method)
            with opener.open(request, timeout=_TIMEOUT) as response:
                answer = json.loads(response.read(_LONGEST_ANSWER))
            if not isinstance(answer, dict):
                raise ValueError("its answer is no object")
            return answer
        except urllib.error.HTTPError as error:
            error.close()
            if left == 0:
                raise
    raise AssertionError
