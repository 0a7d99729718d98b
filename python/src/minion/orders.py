"""From Python's arguments to those of the program."""
from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from typing import Iterable, List, Mapping, Optional, Sequence, Tuple, Union
from urllib.parse import unquote_to_bytes

from .errors import BadArguments

StrPath = Union[str, "os.PathLike[str]"]
#: `host`, `host:port` or a URL; several in order of preference.
Trackers = Union[str, Sequence[str], None]
Headers = Union[Mapping[str, str], Iterable[Tuple[str, str]], None]
#: Bytes a second, or text as the program takes it: "10M", "80mbit".
Rate = Union[int, float, str, None]


@dataclass(frozen=True)
class Order:
    """What to run: the arguments, and what it reads on stdin."""

    arguments: List[str]
    standard_input: bytes = b""


def get_order(
    url: str, output: Optional[StrPath], *, tracker: Trackers, tag: str, application: str, headers: Headers,
    digest: Optional[str], ignored_query: Sequence[str], site: str, download_rate: Rate, upload_rate: Rate,
    upload_time: Optional[float], source: bool, upload: bool, node: bool, hard_link: bool, timeout: Optional[float],
) -> Order:
    """`minion get`, into the file `output` or, if that is None, to stdout."""
    url, secret = _without_user(_text("url", url))
    arguments = ["get"]
    if output is None:
        arguments += ["--data-stdout", "--progress=none"]
    else:
        path = _path("dest", output)
        # A file of that name is meant, not stdout.
        arguments += [_option("output", "./-" if path == "-" else path), "--progress=json"]
    arguments += _trackers(tracker)
    arguments += _labels(tag=tag, application=application, site=site, digest=digest or "")
    if isinstance(ignored_query, str):
        raise BadArguments("ignored_query is a sequence of names", f"give [{ignored_query!r}]")
    arguments += [_option("filtered-query-param", _text("ignored_query", name)) for name in ignored_query]
    arguments += _rate("download_rate", download_rate) + _rate("upload_rate", upload_rate)
    arguments += _seconds("upload_time", upload_time) + _seconds("timeout", timeout)
    for is_asked, flag in (
        (not source, "--no-fallback"), (not upload, "--no-upload"), (not node, "--no-node"), (hard_link, "--hard-link"),
    ):
        if is_asked:
            arguments.append(flag)
    lines = header_lines(headers, secret)
    if lines:
        # Not among the arguments, where every user of the machine could read them.
        arguments.append("--header=@-")
    return Order([*arguments, "--", url], lines)


def share_order(
    path: StrPath, name: Optional[str], *, tracker: Trackers, tag: str, application: str, site: str, upload_rate: Rate
) -> Order:
    """`minion share`, until it is ended."""
    arguments = ["share", "--progress=json", *_trackers(tracker)]
    if name is not None:
        arguments.append(_option("as", _text("name", name)))
    arguments += _labels(tag=tag, application=application, site=site)
    return Order([*arguments, *_rate("upload_rate", upload_rate), "--", _path("path", path)])


def header_lines(headers: Headers, authorization: Optional[str] = None) -> bytes:
    """One field a line, as `--header @-` reads them. `authorization` counts if the headers have none."""
    pairs: List[Tuple[str, str]] = []
    if headers is not None:
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
    if authorization and not any(str(name).lower() == "authorization" for name, _ in pairs):
        pairs.append(("Authorization", authorization))
    lines = []
    for name, value in pairs:
        line = f"{_text('headers', name)}: {_text('headers', value)}"
        if "\n" in line or "\r" in line:
            raise BadArguments(f"the header {name!r} has more than one line")
        lines.append(line + "\n")
    return "".join(lines).encode()


def _without_user(url: str) -> Tuple[str, Optional[str]]:
    """The URL without `user:password@`, which would be seen by all, and the header field that says the same."""
    scheme, separator, rest = url.partition("://")
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    user, at, host = rest[:end].rpartition("@")
    if not separator or not at:
        return url, None
    return f"{scheme}://{host}{rest[end:]}", "Basic " + base64.b64encode(unquote_to_bytes(user)).decode()


def tracker_list(tracker: Trackers) -> List[str]:
    """None is no list of none: then `MINION_TRACKER` counts."""
    if tracker is None:
        return []
    return [_text("tracker", each) for each in ([tracker] if isinstance(tracker, str) else tracker)]


def _trackers(tracker: Trackers) -> List[str]:
    return [_option("tracker", each) for each in tracker_list(tracker)]


def _labels(**texts: str) -> List[str]:
    return [_option(name, _text(name, text)) for name, text in texts.items() if text != ""]


def _option(name: str, value: str) -> str:
    return f"--{name}={value}"


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise BadArguments(f"{name} must be text, not {type(value).__name__}")
    if "\0" in value:
        raise BadArguments(f"{name} has a zero byte in it")
    return value


def _path(name: str, value: StrPath) -> str:
    try:
        path = os.fspath(value)
    except TypeError:
        raise BadArguments(f"{name} must be a path, not {type(value).__name__}") from None
    return _text(name, path)


def _rate(name: str, rate: Rate) -> List[str]:
    if rate is None:
        return []
    if isinstance(rate, str):
        text = _text(name, rate)
    elif isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 1 <= rate < 1 << 62:
        raise BadArguments(f"{name} must be bytes a second, 1 or more, or text such as '10M'; it is {rate!r}")
    else:
        text = str(int(rate))
    return [_option(name.replace("_", "-"), text)]


def _seconds(name: str, seconds: Optional[float]) -> List[str]:
    if seconds is None:
        return []
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= 315_360_000:
        raise BadArguments(f"{name} must be seconds, 0 or more; it is {seconds!r}")
    return [_option(name.replace("_", "-"), f"{seconds:.3f}")]
