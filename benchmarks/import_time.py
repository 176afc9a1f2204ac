"""
What importing costs: you will see medians and spreads in milliseconds, and what they are beyond the bare interpreter.

Each sample is a whole process, from its start to its end, with bytecode in place; the rows take turns. What is loaded,
which is what the time is made of, is fixed by ``tests/test_imports.py``.
Run: ``python benchmarks/import_time.py [--rounds 40]``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

ROWS = {
    "the interpreter alone": "pass",
    "import vonage_messages": "import vonage_messages",
    "from vonage_messages import Sms": "from vonage_messages import Sms",
    "from vonage_messages.webhooks import parse_inbound": "from vonage_messages.webhooks import parse_inbound",
    "import aiohttp": "import aiohttp",
    "from vonage_messages import Client": "from vonage_messages import Client",
}
GOALS = {
    "import vonage_messages": 50,
    "from vonage_messages import Sms": 120,
    "from vonage_messages import Client": 350,
}
"""Milliseconds beyond the interpreter."""


def sample(program: str) -> float:
    """Run *program* once, and give how many milliseconds that took."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603  a line of the table above
    return (time.perf_counter() - begun) * 1e3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds

    samples: dict[str, list[float]] = {name: [] for name in ROWS}
    for program in ROWS.values():
        sample(program)  # bytecode, and the files in the memory of the system
    for _ in range(rounds):
        for name, program in ROWS.items():
            samples[name].append(sample(program))

    bare = statistics.median(samples["the interpreter alone"])
    print(f"{'':52}{'median':>9}{'10 %':>9}{'90 %':>9}{'net':>9}{'goal':>9}   ms")
    for name, measured in samples.items():
        tenths = statistics.quantiles(measured, n=10)
        median = statistics.median(measured)
        print(f"{name:52}{median:9.1f}{tenths[0]:9.1f}{tenths[-1]:9.1f}{median - bare:9.1f}{GOALS.get(name, ''):>9}")


if __name__ == "__main__":
    main()
