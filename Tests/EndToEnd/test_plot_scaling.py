"""`scripts/plot-scaling`: what is in the file is in the picture, and nothing else."""
import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/plot-scaling"
SVG = "{http://www.w3.org/2000/svg}"


def run(hosts, system="minion", seconds=1.0, **more):
    return {"hosts": hosts, "system": system, "seconds": seconds, **more}


def plot(folder, data):
    (folder / "data.json").write_text(data if isinstance(data, str) else json.dumps(data))
    command = [sys.executable, str(SCRIPT), str(folder / "data.json"), "-o", str(folder / "x.svg")]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def picture(folder, data):
    outcome = plot(folder, data)
    assert outcome.returncode == 0, outcome.stderr
    return ElementTree.parse(folder / "x.svg").getroot()


def texts(root):
    return [element.text for element in root.iter(f"{SVG}text")]


def test_every_run_is_a_point_and_every_system_a_line(tmp_path):
    root = picture(tmp_path, {
        "measured": [run(8, bound=0.9), run(32, seconds=2), run(8, "curl", 8), run(8, "other", 3)],
        "simulated": [run(10_000, seconds=3)]})
    assert {"minion, measured", "minion, simulated", "curl, measured", "other, measured", "the bound"} <= set(texts(root))
    titles = [circle.find(f"{SVG}title").text for circle in root.iter(f"{SVG}circle") if circle.find(f"{SVG}title") is not None]
    assert sorted(titles) == [
        "10,000 hosts: 3 s (minion, simulated)", "32 hosts: 2 s (minion, measured)", "8 hosts: 1 s (minion, measured)",
        "8 hosts: 3 s (other, measured)", "8 hosts: 8 s (curl, measured)"]


def test_several_runs_are_one_point_at_their_median(tmp_path):
    root = picture(tmp_path, {"measured": [run(8, seconds=seconds) for seconds in (1, 9, 2)]})
    assert "minion, measured: 2 s for 8 hosts" in root.find(f"{SVG}desc").text


def test_what_curl_would_need_is_computed_only_from_what_is_told(tmp_path):
    data = {"measured": [run(8)]}
    assert not any("computed" in text for text in texts(picture(tmp_path, data)))
    root = picture(tmp_path, {**data, "size": 1448 * 10_000, "rate": 8 * 1514 * 10_000})
    assert "1 s for 1 host, 1e+04 s for 10,000 hosts" in root.find(f"{SVG}desc").text
    assert any("computed" in text for text in texts(root))


@pytest.mark.parametrize("data", [
    "", "nonsense", "[]", {}, {"measured": []}, {"measured": {}}, {"measured": [7]}, {"measured": [run(0)]}, {"measured": [run(1.5)]},
    {"measured": [run(8, seconds=0)]}, {"measured": [run(8, seconds=None)]}, {"measured": [run(8, seconds=True)]},
    {"measured": [run(8, system=3)]}, {"measured": [run(20_000)]}, {"measured": [run(8, bound=-1)]},
    {"measured": [run(8)], "size": 1, "rate": 0},
])
def test_what_makes_no_sense_is_refused(tmp_path, data):
    outcome = plot(tmp_path, data)
    assert outcome.returncode == 2 and len(outcome.stderr.splitlines()) == 1, outcome.stderr
    assert outcome.stderr.startswith("plot-scaling: ")
    assert not (tmp_path / "x.svg").exists()
