"""What `behest demo` prints works as pasted."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from conftest import eventually

NODE_FOLDER = pathlib.Path(__file__).resolve().parent.parent / "node"


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    output = folder / "output"
    with output.open("wb") as to:
        demo = subprocess.Popen(
            [os.environ["BEHEST_BIN"], "demo"], cwd=folder, stdin=subprocess.DEVNULL, stdout=to
        )
    try:
        eventually(lambda: "To a real provider" in output.read_text())
        yield output.read_text()
    finally:
        demo.terminate()
        demo.wait(10)


def paste(printed, heading, folder, program):
    """Runs the block below this heading, with `program` being the one that it calls."""
    block = printed.split(f"# {heading}")[1].split("\n", 1)[1].split("\n# ")[0]
    block = block.split("\nTo a real provider")[0]
    path = f"{pathlib.Path(program).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(
        ["sh", "-c", block], cwd=folder, env=environment, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl(printed, tmp_path):
    answer = json.loads(paste(printed, "curl", tmp_path, "/usr/bin/curl"))
    assert "Hello" in answer["choices"][0]["message"]["content"]


def test_python(printed, tmp_path):
    assert "Hello" in paste(printed, "Python", tmp_path, sys.executable)


def test_node(printed):
    assert "Hello" in paste(printed, "Node", NODE_FOLDER, os.environ["NODE"])
