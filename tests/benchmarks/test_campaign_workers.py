"""The short form of the campaign of workers: real processes, PostgreSQL and Redis, kill -9."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent.parent.parent / "benchmarks" / "campaign_workers.py"


async def run(*arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), 170)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output.decode(), errors.decode()


@pytest.mark.parametrize(("scenario", "kills"), [("workers", 2), ("postgres", 1), ("redis", 1)])
async def test_no_message_is_lost_and_none_is_requested_twice(scenario: str, kills: int) -> None:
    options = ("--workers", "2", "--rows", "900", "--kills", str(kills), "--rate", "300", "--only", scenario)
    code, output, errors = await run(*options)
    assert code == 0, output + errors
    assert output.startswith(scenario)
