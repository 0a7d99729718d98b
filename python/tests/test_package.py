"""The package itself: it can be installed, tells its types, and has the program's version."""
import ast
import importlib.util
import shutil
import subprocess
import sys

import pytest

import minion
from conftest import LIBRARY, REPOSITORY

FILES = sorted((LIBRARY / "minion").glob("*.py"))


def test_versions_agree(here):
    told = subprocess.run([minion.find_program(), "--version"], capture_output=True, text=True).stdout
    assert told.strip() == minion.__version__
    assert f'version = "{minion.__version__}"' in (REPOSITORY / "python" / "pyproject.toml").read_text()


def test_it_needs_nothing_but_python():
    known = set(getattr(sys, "stdlib_module_names", ())) or None
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            assert known is None or all(name.split(".")[0] in known for name in names), f"{file.name}: {names}"


def test_it_keeps_to_the_oldest_python_that_it_promises():
    for file in FILES:
        ast.parse(file.read_text(), feature_version=(3, 9))


def test_everything_public_is_explained():
    for name in minion.__all__:
        assert getattr(minion, name).__doc__, f"minion.{name} has no docstring"


@pytest.mark.skipif(not all(map(importlib.util.find_spec, ("pip", "setuptools", "wheel"))), reason="needs pip, setuptools and wheel")
def test_it_can_be_installed_from_the_repository(tmp_path):
    # In a copy: building writes beside the sources.
    shutil.copytree(REPOSITORY / "python", tmp_path / "python", ignore=shutil.ignore_patterns("build", "*.egg-info"))
    command = [sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-deps", "--no-index", "--quiet",
               "--target", str(tmp_path / "installed"), str(tmp_path / "python")]
    outcome = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    installed = tmp_path / "installed" / "minion"
    assert {file.name for file in installed.glob("*.py")} == {file.name for file in FILES}
    assert (installed / "py.typed").exists()


@pytest.mark.skipif(not importlib.util.find_spec("mypy"), reason="needs mypy")
def test_its_types_are_strict():
    outcome = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-incremental"], capture_output=True, text=True, cwd=REPOSITORY / "python")
    assert outcome.returncode == 0, outcome.stdout
