"""The measurement of the simulator with its inbox open: it counts what was accepted, and tells of every round."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "simulator_throughput.py"


def test_every_round_is_measured_and_told() -> None:
    ran = subprocess.run(  # noqa: S603  our own file
        [sys.executable, str(PROGRAM), "--messages", "60", "--seconds", "0.3"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    rounds = re.findall(r"^\| (closed|open) \| ([\d,]+) \|.*\| ([\d,]+) \|$", ran.stdout, re.MULTILINE)
    assert [name for name, _, _ in rounds] == ["closed", "open", "closed", "open"]
    assert all(rate != "0" for _, rate, _ in rounds)
    assert [events for name, _, events in rounds if name == "closed"] == ["0", "0"]
    assert "60 messages were held at the start" in ran.stdout
