"""Every file that a script writes is in step with what it is made from."""

from __future__ import annotations

import subprocess
import sys

import pytest
from house import ROOT

SCRIPTS = sorted(path for path in ROOT.glob("scripts/*.py") if not path.name.startswith("_"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_in_step(script):
    done = subprocess.run(
        [sys.executable, str(script), "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_pins_come_from_no_place_of_ours():
    text = (ROOT / "constraints.txt").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == sorted(lines, key=lambda line: line.partition("==")[0])
    for line in lines:
        assert line.count("==") == 1
        assert not any(mark in line for mark in ("://", "@", "--", " "))
    assert {"openai", "anthropic", "uvicorn", "uvloop", "pip"} <= {line.partition("==")[0] for line in lines}
