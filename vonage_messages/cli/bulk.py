"""``vonage-messages bulk``: a file of recipients, from the plan to the report. Arguments in, tables out."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
import time
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import click

from vonage_messages.cli.bulk_options import (
    RowsOptions,
    RulesOptions,
    SendingOptions,
    file_argument,
    opened_source,
    outbox_of,
    rows_options,
    rules_options,
    sending_options,
    taken,
)
from vonage_messages.cli.terminal import BAD_INPUT, BadInputError, errors, output
from vonage_messages.errors import ConfigurationError, VonageMessagesError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from typing import TextIO

    from rich.console import Console

    from vonage_messages.bulk.campaign import Campaign
    from vonage_messages.bulk.journal import KnownRows
    from vonage_messages.bulk.report import ReportRow, Standing
    from vonage_messages.bulk.source import Source
    from vonage_messages.cli.bulk_display import Display, PlanView
    from vonage_messages.ledger import LedgerStore

FoundT = TypeVar("FoundT")

_PRIVATE = 0o600
_SENDING_COMMANDS = ("run", "retry")


class _Bulk(click.Group):
    """A group in which every error of the package is bad input: what the platform refuses stands in the outbox."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except VonageMessagesError as error:
            raise BadInputError(error) from error
        except (KeyboardInterrupt, click.Abort):
            if context.invoked_subcommand not in _SENDING_COMMANDS:
                raise
            errors().print("Stopped: nothing was sent.")
            context.exit(BAD_INPUT)


@click.group(cls=_Bulk)
def bulk() -> None:
    """
    Send a file of messages, and survive anything.

    \b
    vonage-messages bulk plan people.csv --channel sms --from Acme \\
        --to-column phone --text "Hi {name}, we have moved."
    vonage-messages bulk run people.csv --template invitation.json

    Rows are kept in an outbox beside the file: a run that was killed is resumed by typing it again, and no row is
    sent twice. Without a template each row is a whole request: a JSON object, or columns such as to, from, text,
    image.url.
    """  # noqa: D301  \b keeps click from joining the lines


@bulk.command()
@file_argument
@rows_options
@rules_options
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
def plan(*, file: Path, outbox: Path | None, as_json: bool, **typed: Any) -> None:
    """
    Show what a run of FILE would do; send nothing.

    FILE is CSV with a line of column names, or JSON Lines; - is standard input. The exit code is 2 if a row is invalid
    and --strict is given.
    """
    rows, rules = taken(RowsOptions, typed), taken(RulesOptions, typed)
    path = None if str(file) == "-" and outbox is None else outbox_of(file, outbox)
    with opened_source(file, rows.row_format) as source, _display() as display:
        known, campaign_id = _known(path, rows.campaign)
        campaign = _campaign(source, rows, rules, campaign_id)
        view = _surveyed(campaign, known, rules, display)
    _show_plan(view, as_json=as_json)
    if rows.strict and view.survey.invalid:
        sys.exit(BAD_INPUT)


@bulk.command()
@file_argument
@rows_options
@rules_options
@sending_options
def run(*, file: Path, outbox: Path | None, **typed: Any) -> None:
    """
    Send the rows of FILE; typed again, go on where it was stopped or killed.

    Ctrl-C waits for what is under way, a second one does not. The exit code is 0 if everything was accepted, 1 if rows
    are invalid, failed, in doubt or held, 2 if nothing could be sent or the run was stopped.
    """
    from vonage_messages.bulk.latencies import Latencies  # noqa: PLC0415  --help does without
    from vonage_messages.cli.bulk_display import show_plan  # noqa: PLC0415  see above
    from vonage_messages.cli.bulk_run import Errand, carry_out, client_of_environment  # noqa: PLC0415  see above

    rows, rules, sending = (taken(kind, typed) for kind in (RowsOptions, RulesOptions, SendingOptions))
    path = outbox_of(file, outbox)
    latencies = Latencies()
    client = client_of_environment(latencies)
    console = output()
    with opened_source(file, rows.row_format) as source, _display() as display:
        known, campaign_id = _known(path, rows.campaign)
        campaign = _campaign(source, rows, rules, campaign_id)
        view = _surveyed(campaign, known, rules, display)
        display.close()
        show_plan(view, console, brief=True)
        if rows.strict and view.survey.invalid:
            raise ConfigurationError("--strict: nothing was sent, because not every row is valid.")
        _ask(f"Send {_messages(view.survey.messages)}?", sending, console, what=view.survey.messages)
        errand = Errand(
            outbox=path,
            name=str(file),
            limits=rules.limits,
            budget=_budget(rules),
            screen=campaign.screen,
            campaign=campaign,
            known=known,
            invalid=view.survey.invalid,
            **_sending(sending),
        )
        with _display() as bar:
            code = carry_out(errand, client, latencies, bar, console)
    sys.exit(code)


@bulk.command()
@file_argument
@rules_options
@sending_options
def retry(*, file: Path, outbox: Path | None, **typed: Any) -> None:
    """
    Send the rows of FILE that failed once more, and those that wait.

    They come from the outbox: what has changed in FILE since is of no account. With --in-doubt resend the rows in
    doubt go again, too, and some of their recipients may get a message twice.
    """
    from vonage_messages.bulk.latencies import Latencies  # noqa: PLC0415  --help does without
    from vonage_messages.cli.bulk_run import Errand, carry_out, client_of_environment  # noqa: PLC0415  see above

    rules, sending = taken(RulesOptions, typed), taken(SendingOptions, typed)
    path = _existing(outbox_of(file, outbox))
    latencies = Latencies()
    client = client_of_environment(latencies)
    console = output()
    states = _read_standing(path).states
    number = states["failed"] + states["pending"] + states["claimed"]
    _ask(f"Send {_messages(number)}, {states['failed']:,} of them again?", sending, console, what=number)
    errand = Errand(
        outbox=path,
        name=str(file),
        limits=rules.limits,
        budget=_budget(rules),
        screen=rules.screen(),
        retry=True,
        **_sending(sending),
    )
    with _display() as bar:
        code = carry_out(errand, client, latencies, bar, console)
    sys.exit(code)


@bulk.command()
@file_argument
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
def status(*, file: Path, outbox: Path | None, as_json: bool) -> None:
    """Count where the rows of FILE stand, also while a run goes on."""
    from vonage_messages.cli.bulk_display import show_standing, standing_document  # noqa: PLC0415  not for --help

    found = _read_standing(_existing(outbox_of(file, outbox)))
    if as_json:
        click.echo(json.dumps(standing_document(found)))
    else:
        show_standing(found, output())


@bulk.command()
@file_argument
@click.option("--json", "as_json", is_flag=True, help="As a JSON array, instead of CSV.")
@click.option(
    "--output",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="PATH",
    help="Write there; only you can read it.  [default: standard output]",
)
@click.option(
    "--plots",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Also draw the rate over time and a histogram of latencies into it.",
)
@click.option("--plot-format", type=click.Choice(("svg", "png")), default="svg", show_default=True)
def report(  # noqa: PLR0913  one parameter for each option
    *, file: Path, outbox: Path | None, as_json: bool, target: Path | None, folder: Path | None, plot_format: str
) -> None:
    """
    Write what became of every row of FILE: state, id, error and its meaning.

    Rows that never got into the outbox are there, too, each with the reason. Cells that a spreadsheet would take for a
    formula get an apostrophe before them.
    """
    path = _existing(outbox_of(file, outbox))
    if target is None:
        asyncio.run(_write_report(path, sys.stdout, as_json=as_json))
    else:
        with _private_file(target) as stream:
            asyncio.run(_write_report(path, stream, as_json=as_json))
    if folder is not None:
        for drawn in asyncio.run(_write_plots(path, folder, plot_format)):
            errors().print(f"drawn: {drawn}", soft_wrap=True)


def _display() -> Display:
    from vonage_messages.cli.bulk_display import Display  # noqa: PLC0415  --help does without

    return Display(errors())


def _known(path: Path | None, given: str | None) -> tuple[KnownRows, str]:
    """Load what the outbox has of the file, and the id of its campaign; no outbox is made here."""
    from vonage_messages.bulk.journal import Journal, KnownRows  # noqa: PLC0415  --help does without

    if path is None or not path.exists():
        return KnownRows(), given or uuid.uuid4().hex

    async def load(store: LedgerStore) -> tuple[KnownRows, str]:
        journal = Journal(store)
        known = await journal.existing_campaign()
        if known is not None:
            await journal.campaign(given)  # refuses another one
        return await journal.known_rows(), known or given or uuid.uuid4().hex

    return asyncio.run(_with_store(path, load))


def _campaign(source: Source, rows: RowsOptions, rules: RulesOptions, campaign_id: str) -> Campaign:
    from vonage_messages.bulk.campaign import Campaign  # noqa: PLC0415  --help does without

    return Campaign(
        source=source,
        template=rows.template_of(source),
        id=campaign_id,
        screen=rules.screen(),
        send_duplicates=rows.duplicates == "send",
    )


def _surveyed(campaign: Campaign, known: KnownRows, rules: RulesOptions, display: Display) -> PlanView:
    from vonage_messages.bulk.survey import survey  # noqa: PLC0415  --help does without
    from vonage_messages.cli.bulk_display import PlanView  # noqa: PLC0415  see above

    def show(number: int) -> None:
        if number % 1000 == 0:
            display.counting("Reading", number)

    return PlanView(
        survey=survey(
            campaign,
            known,
            now=datetime.fromtimestamp(time.time(), UTC),
            limits=rules.limits,
            prices=rules.prices,
            on_row=show,
        ),
        file=campaign.source.name,
        limits="the published limits" if rules.limits_file is None else str(rules.limits_file),
        max_cost=rules.max_cost,
        max_messages=rules.max_messages,
    )


def _show_plan(view: PlanView, *, as_json: bool) -> None:
    from vonage_messages.cli.bulk_display import plan_document, show_plan  # noqa: PLC0415  --help does without

    if as_json:
        click.echo(json.dumps(plan_document(view)))
    else:
        show_plan(view, output())


def _budget(rules: RulesOptions) -> Any:
    from vonage_messages.spending import Budget  # noqa: PLC0415  --help does without

    prices = rules.prices
    if rules.max_cost is None and rules.max_messages is None:
        return None
    return Budget(messages=rules.max_messages, cost=rules.max_cost, prices=prices)


def _sending(sending: SendingOptions) -> dict[str, Any]:
    return attrs.asdict(sending, filter=lambda field, _: field.name != "yes")


def _ask(question: str, sending: SendingOptions, console: Console, *, what: int) -> None:
    """
    Ask whether it is to be done.

    Raises:
        click.UsageError: nobody can be asked, and --yes was not given.
    """
    if sending.in_doubt == "resend":
        errors().print(
            "--in-doubt resend: rows in doubt are sent again, and some people may get their message twice.",
            style="yellow",
        )
    if sending.yes or (not what and sending.in_doubt == "leave"):
        return
    if not (sys.stdin.isatty() and console.is_terminal):
        raise click.UsageError("nobody can be asked here: --yes sends without a question.")
    if not click.confirm(question):
        console.print("Nothing was sent.")
        sys.exit(BAD_INPUT)


def _messages(number: int) -> str:
    return "1 message" if number == 1 else f"{number:,} messages"


def _existing(path: Path) -> Path:
    if not path.exists():
        raise ConfigurationError(f"there is no outbox {path}: vonage-messages bulk run makes it.")
    return path


def _read_standing(path: Path) -> Standing:
    from vonage_messages.bulk.report import standing  # noqa: PLC0415  --help does without

    return asyncio.run(_with_store(path, standing))


async def _write_report(path: Path, stream: TextIO, *, as_json: bool) -> int:
    from vonage_messages.bulk.report import report_rows, write_csv, write_json  # noqa: PLC0415  --help does without

    async def write(store: LedgerStore) -> int:
        rows: AsyncIterator[ReportRow] = report_rows(store)
        count = await (write_json if as_json else write_csv)(rows, stream)
        stream.flush()  # what cannot be written is told here, and not when the program ends
        return count

    return await _with_store(path, write)


async def _write_plots(path: Path, folder: Path, image_format: str) -> tuple[Path, ...]:
    from vonage_messages.bulk.latencies import saved_latencies  # noqa: PLC0415  --help does without
    from vonage_messages.bulk.plots import finished_rows, write_plots  # noqa: PLC0415  see above

    async def draw(store: LedgerStore) -> tuple[Path, ...]:
        return write_plots(folder, await finished_rows(store), await saved_latencies(store), image_format=image_format)

    return await _with_store(path, draw)


async def _with_store(path: Path, use: Callable[[LedgerStore], Awaitable[FoundT]]) -> FoundT:
    """Open the file of an outbox, let *use* read it, and close it."""
    from vonage_messages.stores.sqlite.ledger import SqliteLedgerStore  # noqa: PLC0415  --help does without

    async with SqliteLedgerStore(path) as store:
        return await use(store)


@contextmanager
def _private_file(path: Path) -> Iterator[TextIO]:
    """
    Open a file for writing that only its owner may read: it holds recipients.

    Raises:
        ConfigurationError: it cannot be written there, or not to its end.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE)
        if os.name != "nt" and stat.S_ISREG(os.fstat(descriptor).st_mode):  # an older file, whose content is gone
            os.fchmod(descriptor, _PRIVATE)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            yield stream
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from error
