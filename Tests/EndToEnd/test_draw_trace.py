"""`scripts/draw-trace`: numbers that can be counted by hand, pictures that hold, and one line about what cannot be read."""
import json
import os
import random
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/draw-trace"
SVG = "{http://www.w3.org/2000/svg}"
A, B, C = "000000000000000a", "000000000000000b", "1234567890123456"
KIB = 1 << 10

#: Four pieces, the last of 100 bytes: 0 and 1 from the source, 2 from A after B had failed, 3 from C, asked of A, too.
SMALL = [
    {"t": 0, "e": "report"},
    {"t": 0.1, "e": "reply", "neighbours": 2, "leased": 2},
    {"t": 0.1, "e": "open", "size": 768 * KIB + 100, "piece_size": 256 * KIB},
    {"t": 0.1, "e": "lease", "first": 0, "count": 2},
    {"t": 0.1, "e": "connect", "peer": A, "endpoint": "10.0.0.2:1"},
    {"t": 0.2, "e": "connected", "peer": A},
    {"t": 0.2, "e": "connected", "peer": B},
    {"t": 0.2, "e": "news", "peer": A, "count": 2},
    {"t": 0.3, "e": "got", "piece": 0, "peer": "source"},
    {"t": 0.3, "e": "report"},
    {"t": 0.35, "e": "reply", "neighbours": 0, "leased": 0},
    {"t": 0.35, "e": "offer", "piece": 0},
    {"t": 0.5, "e": "got", "piece": 1, "peer": "source"},
    # Nothing is on its way for 0.25 s.
    {"t": 0.75, "e": "ask", "piece": 2, "peer": B},
    {"t": 0.8, "e": "failed", "piece": 2, "peer": B, "why": "overloaded"},
    {"t": 0.8, "e": "ask", "piece": 2, "peer": A},
    {"t": 0.9, "e": "ask", "piece": 3, "peer": A},
    {"t": 1.0, "e": "got", "piece": 2, "peer": A},
    {"t": 1.0, "e": "something-new", "piece": 10**30},
    {"t": 1.1, "e": "ask", "piece": 3, "peer": int(C)},
    {"t": 1.25, "e": "got", "piece": 3, "peer": int(C)},
    {"t": 1.25, "e": "offer", "piece": 3},
    {"t": 1.25, "e": "complete"},
    {"t": 9.0, "e": "lost", "peer": A},
]


def draw(*arguments):
    outcome = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    outcome.out, outcome.err = outcome.stdout.decode(), outcome.stderr.decode()
    return outcome


def written(path, events):
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


@pytest.fixture
def small(tmp_path):
    return written(tmp_path / "small", SMALL)


def picture(outcome):
    assert outcome.returncode == 0, outcome.err
    return ElementTree.fromstring(outcome.out)


def bars(root):
    return [element for element in root.iter(f"{SVG}rect") if "data-bar" in element.attrib]


def assert_trouble(outcome, *words):
    assert outcome.returncode == 2 and outcome.out == ""
    assert len(outcome.err.splitlines()) == 1 and outcome.err.startswith("draw-trace: "), outcome.err
    for word in words:
        assert word in outcome.err


def many_pieces(count, seed=1):
    """A download of so many pieces from 40 neighbours and the source, in any order."""
    chance = random.Random(seed)
    events = [{"t": 0, "e": "open", "size": count << 18, "piece_size": 1 << 18}]
    pieces = list(range(count))
    chance.shuffle(pieces)
    for place, piece in enumerate(pieces):
        at, peer = place / 500, f"{chance.randrange(40):016x}"
        kind = {"e": "lease", "first": piece, "count": 1} if place % 20 == 0 else {"e": "ask", "piece": piece, "peer": peer}
        came = at + chance.expovariate(4)
        events += [{"t": at, **kind},
                   {"t": came, "e": "got", "piece": piece, "peer": "source" if place % 20 == 0 else peer},
                   {"t": came + 0.01, "e": "offer", "piece": piece}]
    events.sort(key=lambda event: event["t"])
    return [*events, {"t": events[-1]["t"], "e": "complete"}]


# Numbers.


def test_summary_has_the_numbers_that_one_counts_by_hand(small):
    outcome = draw("--json", small)
    assert outcome.returncode == 0, outcome.err
    found = json.loads(outcome.out)
    assert found["swarm"] is None
    numbers = found["traces"][0]
    assert numbers.pop("name").endswith("small")
    assert numbers == {
        "complete": True, "seconds": 1.25, "size": 768 * KIB + 100, "pieces": 4, "pieces_on_disk": 0,
        "bytes_from_source": 512 * KIB, "bytes_from_peers": 256 * KIB + 100, "neighbours": 3, "neighbours_that_gave": 2,
        "first_piece_seconds": 0.3, "idle_seconds": 0.35, "idle_after_first_piece_seconds": 0.25,
        "requests": 4, "requests_hedged": 1, "requests_failed": 1, "leases": 1, "reports": 2, "report_median_seconds": 0.1,
    }


def test_summary_is_text_without_a_picture(small):
    outcome = draw("--summary", small)
    assert outcome.returncode == 0, outcome.err
    lines = dict(line.rsplit("  ", 1) for line in outcome.out.splitlines())
    found = {name.strip(): value for name, value in lines.items()}
    assert found["idle seconds"] == "0.35" and found["complete"] == "yes" and found["requests hedged"] == "1"


def test_a_download_that_failed_is_measured_to_its_last_event(tmp_path):
    numbers = json.loads(draw("--json", written(tmp_path / "a", SMALL[:9])).out)["traces"][0]
    assert (numbers["complete"], numbers["seconds"], numbers["bytes_from_source"]) == (False, 0.3, 256 * KIB)


def test_pieces_that_were_on_the_disk_are_told_apart(tmp_path):
    events = [SMALL[2], {"t": 0.2, "e": "offer", "piece": 1}]
    numbers = json.loads(draw("--json", written(tmp_path / "a", events)).out)["traces"][0]
    assert (numbers["pieces_on_disk"], numbers["bytes_from_source"], numbers["first_piece_seconds"]) == (1, 0, None)


def test_only_the_last_version_counts(tmp_path):
    again = [{**event, "t": event["t"] + 10} for event in SMALL]
    outcome = draw("--json", written(tmp_path / "a", SMALL[:13] + again))
    assert "changed" in outcome.err
    assert json.loads(outcome.out)["traces"][0]["bytes_from_source"] == 512 * KIB


def test_a_swarm_counts_copies_and_the_last_host(tmp_path):
    slower = [{**event, "t": event["t"] * 2} for event in SMALL]
    files = [written(tmp_path / name, events) for name, events in (("host2", SMALL), ("host10", slower))]
    found = json.loads(draw("--json", *files).out)
    assert [trace["name"] for trace in found["traces"]] == ["host2", "host10"]
    assert found["swarm"] == {
        "hosts": 2, "complete": 2, "seconds": 2.5, "mean_seconds": 1.875, "bytes_from_source": 1024 * KIB,
        "bytes_from_peers": 512 * KIB + 200, "copies_from_source": 1.3332, "idle_mean_seconds": 0.525,
        "piece_spread_median_seconds": 1.0,
    }


def test_hosts_that_tell_when_they_started_share_one_clock(tmp_path):
    files = [written(tmp_path / name, [{"t": 0, "e": "start", "unix_ms": 1_700_000_000_000 + late}, *SMALL])
             for name, late in (("a", 0), ("b", 1500))]
    found = json.loads(draw("--json", *files).out)
    assert found["swarm"]["seconds"] == 2.75 and found["swarm"]["piece_spread_median_seconds"] == 1.5
    assert [trace["seconds"] for trace in found["traces"]] == [1.25, 1.25]
    assert [trace["idle_seconds"] for trace in found["traces"]] == [0.35, 0.35]


def test_what_ended_early_is_no_longer_waited_for(tmp_path):
    """A read that broke, a request that was cancelled: from then on nothing is on its way."""
    events = [
        {"t": 0, "e": "open", "size": 1024 * KIB, "piece_size": 256 * KIB},
        {"t": 0, "e": "lease", "first": 0, "count": 2},
        {"t": 1, "e": "got", "piece": 0, "peer": "source"},
        {"t": 2, "e": "read-ended", "first": 0},
        {"t": 3, "e": "ask", "piece": 1, "peer": A},
        {"t": 4, "e": "cancel", "piece": 1, "peer": A},
        {"t": 6, "e": "ask", "piece": 2, "peer": A},
        {"t": 7, "e": "lost", "peer": A},
        {"t": 8, "e": "fail", "why": "noPeers"},
    ]
    numbers = json.loads(draw("--json", written(tmp_path / "a", events)).out)["traces"][0]
    assert (numbers["idle_seconds"], numbers["requests_failed"], numbers["complete"]) == (4, 1, False)


# Pictures.


@pytest.mark.parametrize("order", ["index", "arrival"])
def test_every_piece_has_its_bar(small, order):
    root = picture(draw("--order", order, small))
    assert len(bars(root)) == 4
    titles = sorted(bar.find(f"{SVG}title").text.split(":")[0] for bar in bars(root))
    assert titles == ["piece 0 from the source", "piece 1 from the source", f"piece 2 from {A}", f"piece 3 from {C}"]


def test_the_wait_for_the_first_byte_is_paler_where_the_trace_tells_it(tmp_path):
    events = sorted([*SMALL, {"t": 0.95, "e": "begin", "piece": 2, "peer": A}], key=lambda event: event["t"])

    def width(root):
        return next(float(bar.get("width")) for bar in bars(root) if bar.find(f"{SVG}title").text.startswith("piece 2"))

    whole, told = picture(draw(written(tmp_path / "a", SMALL))), picture(draw(written(tmp_path / "b", events)))
    assert width(told) == pytest.approx(width(whole) / 4, abs=0.1)


@pytest.mark.parametrize("count", [1, 64, 700])
def test_every_piece_has_its_bar_whatever_their_number(tmp_path, count):
    assert len(bars(picture(draw(written(tmp_path / "a", many_pieces(count)))))) == count


def test_a_picture_says_what_it_is(small):
    root = picture(draw(small))
    assert "768 KiB in 1.25 s" in root.find(f"{SVG}title").text
    assert "512 KiB from the source" in root.find(f"{SVG}desc").text
    assert "prefers-color-scheme:dark" in root.find(f"{SVG}style").text
    assert root.get("role") == "img"


def test_a_picture_needs_nothing_from_elsewhere(small):
    markup = draw(small).out
    assert markup.count("http") == 1, "only the name space"
    assert "<script" not in markup and "url(" not in markup and "href" not in markup


def test_a_swarm_has_a_row_for_each_host(tmp_path):
    files = [written(tmp_path / f"host{place}", SMALL) for place in range(3)]
    texts = [element.text for element in picture(draw(*files)).iter(f"{SVG}text")]
    assert {"host0", "host1", "host2", "all 3"} <= set(texts)


def test_traces_of_one_name_are_called_by_their_folders(tmp_path):
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        files.append(written(tmp_path / name / "trace", SMALL))
    assert [trace["name"] for trace in json.loads(draw("--json", *files).out)["traces"]] == ["a", "b"]


def test_twenty_thousand_pieces_stay_small(tmp_path):
    files = [written(tmp_path / f"host{seed}", many_pieces(20_000, seed)) for seed in (1, 2)]
    for chosen in ([files[0]], ["--order", "arrival", files[0]], files):
        outcome = draw(*chosen)
        picture(outcome)
        assert len(outcome.stdout) < 2_000_000


def test_names_that_markup_would_choke_on(tmp_path):
    events = [{"t": 0.9, "e": "ask", "piece": 2, "peer": "<&>\x02"}, {"t": 1, "e": "got", "piece": 2, "peer": "<&>\x02"}]
    root = picture(draw(written(tmp_path / '<a> & "b"\x01', SMALL[:15] + events)))
    assert '<a> & "b"' in root.find(f"{SVG}title").text


def test_the_picture_is_written_whole_or_not_at_all(small, tmp_path):
    target = tmp_path / "x.svg"
    assert draw(small, "-o", target).returncode == 0
    before = target.read_text()
    assert len(bars(ElementTree.fromstring(before))) == 4
    assert draw(tmp_path / "missing", "-o", target).returncode == 2
    assert target.read_text() == before
    assert sorted(os.listdir(tmp_path)) == ["small", "x.svg"]
    outcome = draw(small, "-o", tmp_path / "no-such-folder/x.svg")
    assert outcome.returncode == 1 and len(outcome.err.splitlines()) == 1


# What cannot be read.


def test_no_file(tmp_path):
    assert_trouble(draw(tmp_path / "missing"), "missing", "No such file")
    assert_trouble(draw(tmp_path), "directory")
    assert_trouble(draw())


def test_an_empty_trace(tmp_path):
    assert_trouble(draw(written(tmp_path / "a", [])), "empty")
    assert_trouble(draw(written(tmp_path / "a", SMALL[:2])), "nothing to draw")


@pytest.mark.parametrize("line", [
    "nonsense", "[]", "{}", "7", '{"t":1}', '{"t":"1","e":"got"}', '{"t":NaN,"e":"got"}', '{"t":-1,"e":"x"}', '{"t":1e99,"e":"x"}',
    '{"t":1,"e":"got","piece":4,"peer":"source"}', '{"t":1,"e":"got","piece":-1}', '{"t":1,"e":"got","piece":0.5}',
    '{"t":1,"e":"got","piece":true}', '{"t":1,"e":"ask","piece":0}', '{"t":1,"e":"lease","first":3,"count":2}',
    '{"t":1,"e":"lease","first":0,"count":0}', '{"t":1,"e":"open","size":1,"piece_size":0}',
    '{"t":1,"e":"open","size":1e17,"piece_size":1}', '{"t":1,"e":"connected","peer":[]}', "[" * 100_000, '{"t":1' + "0" * 5000 + "}",
])
def test_a_line_that_makes_no_sense_is_named(tmp_path, line):
    path = tmp_path / "a"
    path.write_text("".join(json.dumps(event) + "\n" for event in SMALL[:5]) + line + "\n" + json.dumps(SMALL[5]) + "\n")
    assert_trouble(draw(path), "a: line 6: ")


def test_a_last_line_that_is_cut_off_is_left_out(tmp_path):
    path = tmp_path / "a"
    text = "".join(json.dumps(event) + "\n" for event in SMALL[:9])
    path.write_text(text + '{"t":0.35,"e":"off')
    outcome = draw("--json", path)
    assert outcome.returncode == 0 and "warning" in outcome.err and "line 10" in outcome.err
    assert json.loads(outcome.out)["traces"][0]["seconds"] == 0.3


def test_traces_of_different_files_are_no_swarm(tmp_path):
    other = [{**event, "size": 800_000} if event["e"] == "open" else event for event in SMALL]
    assert_trouble(draw(written(tmp_path / "a", SMALL), written(tmp_path / "b", other)), "not traces of the same file")
