"""The README's programs run as they stand, against the simulator."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from vonage_messages.simulator import Simulator

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
EXPECTED = {
    0: r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\n",
    1: r"whatsapp 447700900000 Your parcel is here\n",
    2: r"to: .*\ntext: must not be empty\nttl: must be 20 to 604800 \(seconds\), not 4294967296\n",
}


def test_every_program_of_the_readme_has_an_expected_output() -> None:
    assert len(BLOCKS) == len(EXPECTED)


@pytest.mark.parametrize("index", range(len(BLOCKS)))
async def test_a_program_of_the_readme_prints_what_it_should(index: int) -> None:
    async with Simulator() as simulator:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-W",
            "error",
            "-c",
            BLOCKS[index],
            env={**os.environ, **simulator.environment()},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert errors.decode() == ""
    assert re.fullmatch(EXPECTED[index], output.decode())


def test_the_output_that_the_readme_shows_is_the_one_that_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    shown = re.search(r"```text\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(BLOCKS[2], "README.md", "exec"), {})  # noqa: S102  the README's own program
    assert shown is not None
    assert capsys.readouterr().out == shown[1]
