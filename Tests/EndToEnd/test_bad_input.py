"""Nonsense from the command line, from folders and from names: an error that names the thing, and nothing lost."""
import os

import pytest

from checks import MIB, assert_ok, assert_refused
from content import Content

URL = "http://127.0.0.1:9/file.bin"


# URLs.


@pytest.mark.parametrize("url", [
    "ftp://127.0.0.1/file.bin", "file:///etc/hostname", "gopher://x/", "://x/file", "not a url", "http://",
    "http:///file", "http://127.0.0.1:99999/file", "http://127.0.0.1:port/file", "http://[::1/file", "http://a b/file", "",
    "http://exa\nmple/file", "javascript:alert(1)",
])
def test_what_is_no_url_of_a_source(host, url):
    outcome = host.run("get", url, "--upload-time", 0)
    assert_refused(outcome, 2)
    assert host.listing() == []


def test_the_scheme_that_is_unknown_is_named(host):
    assert_refused(host.run("get", "ftp://127.0.0.1/file.bin"), 2, "ftp")


@pytest.mark.parametrize("arguments", [(), (URL, "http://127.0.0.1:9/other"), (URL, "--no-such-flag"), (URL, "-o")])
def test_arguments_that_do_not_fit(host, arguments):
    assert_refused(host.run("get", *arguments), 2)


def test_an_unknown_command_is_refused(host):
    assert_refused(host.run("fetch", URL), 2, "fetch")


# Values.


@pytest.mark.parametrize("flag", ["--download-rate", "--upload-rate"])
@pytest.mark.parametrize("value", [
    "-1M", "0", "0M", "", "fast", "10X", "10MM", "1e3", "nan", "inf", "99999999T", "1,5M", "10 M", "M", "--5", "0x10",
])
def test_a_rate_that_makes_no_sense(host, flag, value):
    outcome = host.run("get", URL, f"{flag}={value}")
    assert_refused(outcome, 2, flag.lstrip("-"))


@pytest.mark.parametrize("flag, value", [
    ("--upload-time", "-1"), ("--upload-time", "soon"), ("--upload-time", "1e400"), ("--upload-time", "nan"),
    ("--timeout", "-1"), ("--timeout", "x"), ("--callback", "destroy"), ("--progress", "dance"), ("--verbose", "much"),
])
def test_a_value_that_makes_no_sense(host, flag, value):
    assert_refused(host.run("get", URL, f"{flag}={value}"), 2, flag.lstrip("-"))


@pytest.mark.parametrize("flag", ["--hash", "--digest"])
@pytest.mark.parametrize("value", [
    "", "sha256", "sha256:", "sha256:xyz", "sha256:" + "0" * 63, "sha256:" + "0" * 66, "nosuch:" + "0" * 64,
    ":" + "0" * 64, "0" * 64,
])
def test_a_digest_that_makes_no_sense(host, flag, value):
    assert_refused(host.run("get", URL, f"{flag}={value}"), 2)


@pytest.mark.parametrize("value", ["", ":", "http://", "host:99999", "host:port", "ftp://host:80", "[::1", "a b:80"])
def test_a_tracker_that_makes_no_sense(host, value):
    assert_refused(host.run("get", URL, f"--tracker={value}"), 2, "tracker")


@pytest.mark.parametrize("value", ["", "no colon", ": value", "Bad Name: x", "X: a\r\nEvil: b", "X\x01: b"])
def test_a_header_that_makes_no_sense(host, value):
    assert_refused(host.run("get", URL, f"--header={value}"), 2)


@pytest.mark.parametrize("value", ["", ":", "127.0.0.1:99999", "127.0.0.1:-1", "[::1"])
def test_a_listening_address_that_makes_no_sense(host, box, value):
    outcome = host.run("serve", f"--listen={value}", "--data-dir", box.root / "data", seconds=20)
    assert_refused(outcome, 2, "listen")


def test_a_listening_name_that_does_not_resolve(host, box):
    outcome = host.run("serve", "--listen", "no-such-host.invalid:0", "--data-dir", box.root / "data", seconds=20)
    assert_refused(outcome, 1, "no-such-host.invalid")


def test_an_empty_value_is_no_reason_to_take_the_next_argument_for_it(host):
    """As in `--tracker=$TRACKER` when the variable is not set."""
    assert_refused(host.run("get", "--tracker=", "--quiet", URL), 2, "tracker")
    assert_refused(host.run("serve", "--data-dir="), 2, "data-dir")


# Destinations.


@pytest.mark.parametrize("destination", ["missing/file.bin", "missing/", "a/b/c/file.bin"])
def test_a_folder_that_does_not_exist(source, host, destination):
    resource = source.add("/file.bin", Content(10))
    outcome = host.get(resource.url, "-o", destination)
    assert outcome.code in (1, 2)
    assert_refused(outcome, outcome.code, destination.split("/")[0])
    assert host.listing() == []


def test_a_file_where_a_folder_should_be(source, host):
    resource = source.add("/file.bin", Content(10))
    (host.files / "plain").write_bytes(b"plain")
    outcome = host.get(resource.url, "-o", "plain/file.bin")
    assert outcome.code in (1, 2) and "plain" in outcome.err
    assert host.read("plain") == b"plain"


def test_a_folder_that_nobody_may_write_to(source, host):
    resource = source.add("/file.bin", Content(10))
    if os.geteuid() == 0:
        folder = "/proc/self"  # not even root may write there
    else:
        folder = host.files / "locked"
        folder.mkdir(mode=0o555)
    outcome = host.get(resource.url, "-o", f"{folder}/file.bin")
    assert outcome.code in (1, 2)
    assert_refused(outcome, outcome.code, str(folder))


def test_a_folder_under_the_name_of_the_file(source, host):
    resource = source.add("/file.bin", Content(10))
    (host.files / "file.bin").mkdir()
    outcome = host.get(resource.url)
    assert outcome.code in (1, 2) and "file.bin" in outcome.err
    assert (host.files / "file.bin").is_dir() and os.listdir(host.files / "file.bin") == []


def test_a_url_without_a_last_segment_gives_the_name_that_wget_uses(source, host):
    resource = source.add("/", Content(10))
    assert_ok(host.get(resource.url), host, "index.html", resource.content)
    assert_ok(host.get(resource.url, "-o", "named"), host, "named", resource.content)


@pytest.mark.parametrize("segment", [
    "..", ".", "%2e%2e", "%2E%2e", "..%2fescaped", "%2fescaped", "a%2f..%2f..%2fescaped", "..%5cescaped", "a%00b", "%2e",
])
def test_a_name_in_the_url_never_leads_out_of_the_folder(source, host, segment):
    """Whatever the name, a file may only appear in the folder that was meant."""
    content = Content(10)
    source.find = lambda target: source.add("/x", content)
    folder = host.files / "inner"
    folder.mkdir()
    outcome = host.get(source.url(f"/deep/{segment}"), "--dest-path", folder)
    assert outcome.code in (0, 1, 2)
    assert host.listing() == ["inner"]
    assert not (host.root / "escaped").exists() and not os.path.exists("/escaped")
    inside = os.listdir(folder)
    if outcome.code == 0:
        assert len(inside) == 1 and (folder / inside[0]).read_bytes() == content.bytes()
    else:
        assert inside == [] and outcome.lines


@pytest.mark.root
@pytest.mark.parametrize("size", [3 * MIB, 24 * MIB])
def test_a_full_disk(tracker, source, host, size):
    resource = source.add("/file.bin", Content(size))
    outcome = host.shell(
        "mkdir small; exec unshare -m --propagation private bash -c '"
        "mount -t tmpfs -o size=1m none small"
        f' && "$MINION" get {resource.url} --tracker {tracker.address} --upload-time 0 -o small/file.bin; code=$?;'
        " ls small >&2; exit $code'")
    assert outcome.code == 1
    assert "space" in outcome.err.lower()
    assert "file.bin" not in outcome.err.splitlines(), "a half file under the final name"


def test_a_very_long_url(source, host):
    outcome = host.get(source.url("/" + "a" * 5000 + ".bin"), "-o", "file.bin")
    assert_refused(outcome, 1, "404")


def test_a_very_long_name(source, host):
    path = "/" + "a" * 300
    source.add(path, Content(10))
    outcome = host.get(source.url(path))
    assert outcome.code in (0, 1, 2)
    assert outcome.code == 0 or outcome.lines
