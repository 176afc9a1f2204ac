"""A campaign as a program of its own, with all that it starts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

LONGEST_RUN = 600
"""More seconds than the short form of a campaign takes on the busiest machine."""


async def run_python(*arguments: str | Path) -> tuple[int | None, str, str]:
    """Run a program to its end; give its exit code, what it said, and its errors."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *map(str, arguments)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # a group of its own, killed as one: what it has started holds its pipes open
    )
    try:
        output, errors = await asyncio.wait_for(process.communicate(), LONGEST_RUN)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return process.returncode, output.decode(), errors.decode()
