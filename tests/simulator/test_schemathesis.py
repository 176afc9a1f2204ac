"""A short form of ``make campaign-schemathesis``: made-up requests over HTTP, and no answer that should not be."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "campaign_schemathesis.py"


async def test_made_up_requests_are_answered_as_the_documents_say() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(PROGRAM), "--cases", "60", "--seed", "1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 900)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    said = output.decode()
    assert process.returncode == 0, said
    assert re.findall(r"^(.+): [1-9][0-9]* requests in [0-9]+ s, passed$", said, re.MULTILINE) == [
        "simulated API",
        "control API",
    ]
