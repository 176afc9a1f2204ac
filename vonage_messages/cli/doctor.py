"""``vonage-messages doctor``: what is wrong, and what mends it. The environment in, a list of findings out."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Final

import click
from rich.text import Text

from vonage_messages.cli.terminal import REFUSED, output, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from vonage_messages.onboarding.findings import Finding

_STYLES: Final = {"ok": "green", "failed": "bold red", "skipped": "dim"}
_LABEL: Final = 18


@click.command(epilog="It sends no message and changes nothing. The exit code is 1 when something is wrong.")
@click.option("--status-url", metavar="URL", help="The webhook of statuses.  [default: that of the application]")
@click.option("--inbound-url", metavar="URL", help="The webhook of people's messages.  [default: as above]")
@click.option("--no-probe", is_flag=True, help="Leave the webhooks alone.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
def doctor(*, status_url: str | None, inbound_url: str | None, no_probe: bool, as_json: bool) -> None:
    """
    Find out why nothing works: installation, credentials, clock, platform, webhooks.

    Each check says what it found, and with a fault the one sentence that mends it. The webhook of statuses gets a
    genuine callback about a message that does not exist, and a forged one; that of people's messages a forged one.
    """
    from vonage_messages.onboarding.doctor import Webhooks, examine, has_failed  # noqa: PLC0415  --help needs no aiohttp

    given = Webhooks(status_url=status_url, inbound_url=inbound_url)
    findings = asyncio.run(examine(os.environ, webhooks=given, probe=not no_probe))
    if as_json:
        output().print(json.dumps([_plain(each) for each in findings]), soft_wrap=True)
    else:
        _show(findings, output())
    if has_failed(findings):
        raise click.exceptions.Exit(REFUSED)


def _plain(finding: Finding) -> dict[str, str | None]:
    return {
        "check": finding.check,
        "outcome": finding.outcome.value,
        "found": finding.found,
        "mend": finding.mend or None,
    }


def _show(findings: Sequence[Finding], console: Console) -> None:
    for each in findings:
        outcome = each.outcome.value
        console.print(Text.assemble((f"{outcome:<8}", _STYLES[outcome]), f"{each.check:<{_LABEL}}"), end="")
        _indented(console, each.found, _LABEL + 8, begun=True)
        if each.mend:
            _indented(console, each.mend, 8, style="yellow")


def _indented(console: Console, text: str, indent: int, *, style: str = "", begun: bool = False) -> None:
    """Print *text* in lines that begin at the same column; the first one does already where it is *begun*."""
    for line in Text(printable(text), style=style).wrap(console, max(20, console.width - indent)):
        line.rstrip()
        console.print(line if begun else Text.assemble(" " * indent, line), soft_wrap=True)
        begun = False
