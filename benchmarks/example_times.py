"""
How long the examples of queues and outboxes take, against the simulator: whoever tries one should not have to wait.

You will see a line for each example; the exit code is 1 where one took longer than it may. No test checks this, because
a busy machine must not fail one. ``python benchmarks/example_times.py``, or ``make example-times``.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from vonage_messages.simulator import Simulator

EXAMPLES = Path(__file__).parent.parent / "examples"
LONGEST = {"paced_queue": 3.0, "priorities": 3.0, "plan_campaign": 3.0, "bulk_resume": 5.0, "live_feed": 5.0}
"""Seconds, with the start of the interpreter."""

SETTINGS = {
    "MESSAGES_TO_NUMBER": "+44 7700 900000",
    "MESSAGES_TO_NUMBERS": ",".join(f"4477009{number:05}" for number in range(24)),
    "MESSAGES_SUBSCRIBERS": "sms:447700900001,whatsapp:447700900002,viber:447700900003",
    "SMS_SENDER_ID": "Acme",
    "WHATSAPP_SENDER_ID": "14155550100",
    "VIBER_SENDER_ID": "16273",
}


async def seconds_of(name: str, folder: str) -> float:
    """Run an example with a simulator and files of its own; give how long it took."""
    files = {"OUTBOX_FILE": f"{folder}/campaign.db", "LIMITS_FILE": f"{folder}/limits.json"}
    async with Simulator() as simulator:
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(EXAMPLES / f"{name}.py"),
            env={**os.environ, **SETTINGS, **files, **simulator.environment()},
            stdout=asyncio.subprocess.DEVNULL,
        )
        code = await process.wait()
        took = time.monotonic() - began
    if code != 0:
        raise RuntimeError(f"the example {name} ended with exit code {code}")
    return took


async def main() -> int:
    """Run them one after the other."""
    late = 0
    for name, longest in LONGEST.items():
        with tempfile.TemporaryDirectory() as folder:
            took = await seconds_of(name, folder)
        late += took > longest
        print(f"{name:<14} {took:4.1f} s  (at most {longest:.0f} s)", flush=True)
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
