"""The programs of the documentation run as they stand."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

PYTHON = [sys.executable, "-IS", str(Path(__file__).parent / "forked.py")]
pytestmark = pytest.mark.usefixtures("forked")
DOCS = Path(__file__).parent.parent / "docs"
EXPECTED = {
    ("money.md", 0): r"0\.01 0\.08 EUR 0\n0\.09 \{'44': Decimal\('0\.04'\), 'default': Decimal\('0\.05'\)\}\n",
    ("money.md", 1): r"\{'EUR': Decimal\('0\.03'\)\} 3\nsms Acme EUR 3 0\.03\n",
    ("money.md", 2): (
        r"4 2 0\.20\n"
        r"the budget of 0\.22 would be passed by the next message \(0\.20 are used\)\. The message was not sent\.\n"
    ),
    ("money.md", 3): (
        r"6 messages to 44770090… within 60 s\n"
        r"5 too many messages have gone to numbers that begin with 44770090: they are left alone for 600 s more\. "
        r"The message was not sent\.\n6\n"
    ),
    ("consent.md", 0): (r"to: 44\*+00 has opted out of your messages\. The message was not sent\. False False\n0\n"),
    ("consent.md", 1): r"447700900000 from:14155550100\nTrue False True\n",
    ("consent.md", 2): r"invalid message: to: must be my own number while we try things out 1\n",
    ("from-v0.1-to-v1.md", 0): (r"viber_service 447700900000 \{'category': 'transaction', 'ttl': 600\}\n\(\) True\n"),
    ("from-v0.1-to-v1.md", 1): (
        r"ttl: the other version has no place for it\n"
        r"invalid document: channel: v0\.1 does not know the channel rcs\n"
    ),
    ("from-v0.1-to-v1.md", 2): "".join(
        rf"{version} sms 447700900000 rejected 1320 Message already sent\n" for version in (r"v0\.1", "v1")
    ),
    ("observability.md", 0): (r"order in None\nPOST /v1/messages in send sms\nsend sms in order\n"),
    ("queues.md", 0): r"True\n21\n",
    ("queues.md", 1): r"10 in 1 s\n",
    ("queues.md", 2): r"\('account',\)\n",
    ("queues.md", 3): r"1\n",
    ("queues.md", 4): r"1\n",
    ("simulator.md", 0): r"503 True 1\n",
    ("simulator.md", 1): r"10 \[('YES', )*'YES'\]\n",
}
"""What each program prints."""


def programs(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", sorted({page for page, _ in EXPECTED}))
def test_every_program_of_a_page_has_an_expected_output(page: str) -> None:
    assert [number for name, number in EXPECTED if name == page] == list(range(len(programs(page))))


@pytest.mark.parametrize(("page", "number"), EXPECTED)
async def test_a_program_of_the_documentation_prints_what_it_should(page: str, number: int, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *PYTHON,
        "-W",
        "error",
        "-c",
        programs(page)[number],
        env=dict(os.environ),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert errors.decode() == ""
    assert re.fullmatch(EXPECTED[page, number], output.decode())
