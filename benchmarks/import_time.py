"""
What importing costs: you will see medians and spreads in milliseconds, and what they are beyond the bare interpreter.

Each sample is a whole process, from its start to its end, with bytecode in place; the rows take turns. Beside the time
on the clock stands that of the processor, which a busy machine changes less. What is loaded, which is what the time is
made of, is fixed by ``tests/test_imports.py``.
Run: ``python benchmarks/import_time.py [--rounds 40]``.
"""

from __future__ import annotations

import argparse
import resource
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


def processor_time() -> float:
    """Give the seconds that the children of this process have had of a processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def sample(program: str) -> tuple[float, float]:
    """Run *program* once, and give how many milliseconds that took: on the clock, and of a processor."""
    begun, used = time.perf_counter(), processor_time()
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603  a line of the table above
    return (time.perf_counter() - begun) * 1e3, (processor_time() - used) * 1e3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds

    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in ROWS}
    for program in ROWS.values():
        sample(program)  # bytecode, and the files in the memory of the system
    for _ in range(rounds):
        for name, program in ROWS.items():
            samples[name].append(sample(program))

    print(f"{'':52}{'median':>9}{'10 %':>9}{'90 %':>9}{'net':>9}{'goal':>6}{'processor, net':>16}   ms")
    bare, bare_processor = medians(samples["the interpreter alone"])
    for name, measured in samples.items():
        tenths = statistics.quantiles([clock for clock, _ in measured], n=10)
        clock, processor = medians(measured)
        print(
            f"{name:52}{clock:9.1f}{tenths[0]:9.1f}{tenths[-1]:9.1f}{clock - bare:9.1f}{GOALS.get(name, ''):>6}"
            f"{processor - bare_processor:16.1f}"
        )


def medians(measured: list[tuple[float, float]]) -> tuple[float, float]:
    """Give the median on the clock, and that of a processor."""
    return statistics.median(clock for clock, _ in measured), statistics.median(used for _, used in measured)


if __name__ == "__main__":
    main()
