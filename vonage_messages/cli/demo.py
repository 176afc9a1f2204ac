"""``vonage-messages demo``: every message there is, to a local simulator. Arguments in, a report out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from vonage_messages.cli.terminal import REFUSED, output

if TYPE_CHECKING:
    from rich.console import Console

    from vonage_messages.cli.rehearsal import Report


@click.command()
@click.option(
    "--rate",
    type=click.IntRange(1, 1000),
    default=80,
    show_default=True,
    help="Requests per second: the limit of the simulated account, to which the demo keeps. The platform's is 30.",
)
@click.pass_context
def demo(context: click.Context, rate: int) -> None:
    """
    Send every message of every channel to a local simulator.

    No account, no key, no network: the simulator listens on a free loopback port, and is gone afterwards. Some
    messages are wrong on purpose. The exit code is 1 if anything did not go as it should.
    """
    from vonage_messages.cli.demo_table import show  # noqa: PLC0415  --help does without the client and the simulator

    console = output()
    report = _run(rate, console)
    show(report, console)
    if not report.as_expected:
        context.exit(REFUSED)


def _run(rate: int, console: Console) -> Report:
    """Run the demo, with a bar for whoever watches a terminal."""
    from vonage_messages.cli.rehearsal import count_of_requests, rehearse  # noqa: PLC0415  see demo

    if not console.is_terminal:
        return asyncio.run(rehearse(rate=rate))
    columns = (TextColumn("Sending"), BarColumn(bar_width=None), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=count_of_requests())
        return asyncio.run(rehearse(rate=rate, on_progress=lambda done: progress.update(task, completed=done)))
