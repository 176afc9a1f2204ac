"""
Play random lives of client, queue, outbox, tracker and receiver, for ten minutes, and count what happened in them.

They are those of ``tests/sending/shutdown``, other ones each time, with every signal on every event loop besides. A
history that breaks a promise is made as short as it can be, and shown with what plays it again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests" / "sending" / "shutdown"
EXAMPLES = 150
"""How many histories of each kind one round plays."""


def play(folder: str, examples: int, tests: list[str]) -> bool:
    """Play one round; tell whether every promise was kept."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "SHUTDOWN_EXAMPLES": str(examples), "SHUTDOWN_COUNTED": folder}
    return not subprocess.run(command, env=environment, check=False, cwd=TESTS.parents[2]).returncode  # noqa: S603  ours


def counted(folder: str) -> Counter[str]:
    """Add up what the rounds have counted."""
    total: Counter[str] = Counter()
    for file in Path(folder).glob("*.json"):
        total.update(json.loads(file.read_text(encoding="utf-8")))
    return total


def main() -> int:
    """Play until the time is up, and print the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    histories = sorted(str(path) for path in TESTS.glob("test_*_histories.py"))
    with tempfile.TemporaryDirectory() as folder:
        kept = play(folder, options.examples, [str(TESTS)])
        while kept and time.monotonic() < end:
            kept = play(folder, options.examples, histories)
        total = counted(folder)
    for name, number in sorted(total.items()):
        print(f"{number:>10,}  {name}")
    print("Every promise was kept." if kept else "A PROMISE WAS BROKEN: see above.")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
