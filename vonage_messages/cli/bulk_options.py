"""The options of ``bulk``, and what the commands make of them: a source, a template, limits, prices, a screen."""

from __future__ import annotations

import json
import sys
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from vonage_messages.cli.files import limits_in, prices_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from vonage_messages.bulk.screening import Screen
    from vonage_messages.bulk.source import Source
    from vonage_messages.bulk.template import Template
    from vonage_messages.limits.levels import Limits
    from vonage_messages.pricing import PriceTable

STANDARD_INPUT = Path("-")
_SUFFIX = ".outbox"
_CHANNELS = ("sms", "mms", "rcs", "whatsapp", "messenger", "viber_service")


def _amount(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Decimal | None:
    """Read the amount of money exactly."""
    try:
        amount = None if value is None else Decimal(value)
    except InvalidOperation:
        raise click.BadParameter(f"{value!r} is no amount.") from None
    if amount is not None and not (amount.is_finite() and amount >= 0):
        raise click.BadParameter(f"{value!r} is no amount of 0 or more.")
    return amount


def _existing_file(help_text: str, *names: str, **further: Any) -> Callable[[Any], Any]:
    kind = click.Path(exists=True, dir_okay=False, path_type=Path)
    return click.option(*names, type=kind, metavar="FILE", help=help_text, **further)


def file_argument(command: Any) -> Any:
    """Add the argument FILE, and where its outbox is."""
    argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
    outbox = click.option(
        "--outbox",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="PATH",
        help="Where the outbox is.  [default: FILE with the suffix .outbox]",
    )
    return argument(outbox(command))


_ROWS = (
    click.option(
        "--format",
        "row_format",
        type=click.Choice(("csv", "jsonl")),
        help="How FILE is written.  [default: as its suffix or its first character says]",
    ),
    _existing_file("What a row becomes: JSON or TOML with {column} placeholders.", "--template"),
    click.option("--channel", type=click.Choice(_CHANNELS), help="In place of --template: one text for everybody."),
    click.option("--from", "sender", metavar="SENDER", help="Beside --channel: who sends it."),
    click.option("--text", help='Beside --channel: the text, such as "Hi {name}".'),
    click.option("--to-column", metavar="COLUMN", help="Beside --channel: who gets it.  [default: to]"),
    click.option(
        "--duplicates",
        type=click.Choice(("skip", "send")),
        default="skip",
        show_default=True,
        help="What becomes of a recipient's second row on one channel.",
    ),
    click.option("--strict", is_flag=True, help="Send nothing at all if one row is invalid."),
    click.option("--campaign", metavar="ID", help="Part of every row's key.  [default: the outbox's own]"),
)
_RULES = (
    _existing_file("Limits, as TOML.  [default: the published ones]", "--limits", "limits_file"),
    _existing_file("What messages cost, as TOML or CSV.", "--prices", "prices_file"),
    click.option("--max-cost", metavar="AMOUNT", callback=_amount, help="Stop before more is spent; needs --prices."),
    click.option("--max-messages", type=click.IntRange(0), metavar="NUMBER", help="Stop before more are sent."),
    _existing_file("Recipients who get nothing, one a line; may be given again.", "--suppress", multiple=True),
    click.option("--suppress-column", metavar="COLUMN", help="Where they are, in a --suppress that is CSV or JSON."),
    click.option("--quiet-hours", metavar="SPAN", help="Such as 21:00-08:00: hold who sleeps, by their own clock."),
    click.option(
        "--unknown-zone",
        metavar="hold|send|ZONE",
        help="Quiet hours of those whose time zone is not known.  [default: hold]",
    ),
)
_SENDING = (
    click.option(
        "--in-doubt",
        type=click.Choice(("leave", "resend")),
        default="leave",
        show_default=True,
        help="Rows that may have been sent: resend risks sending twice.",
    ),
    click.option("--wait", is_flag=True, help="Stay until those who sleep may be written to."),
    click.option("--connections", type=click.IntRange(1, 1000), default=64, show_default=True, help="At most so many."),
    click.option("--yes", is_flag=True, help="Do not ask."),
)


def _with(options: Sequence[Any], command: Any) -> Any:
    """Add options in the order in which --help lists them."""
    for option in reversed(options):
        command = option(command)
    return command


def rows_options(command: Any) -> Any:
    """Add the options that say what the rows become."""
    return _with(_ROWS, command)


def rules_options(command: Any) -> Any:
    """Add the options that say what may be sent, and when."""
    return _with(_RULES, command)


def sending_options(command: Any) -> Any:
    """Add the options of a run."""
    return _with(_SENDING, command)


@attrs.frozen(kw_only=True)
class RowsOptions:
    """What the rows become."""

    row_format: str | None
    template: Path | None
    channel: str | None
    sender: str | None
    text: str | None
    to_column: str | None
    duplicates: str
    strict: bool
    campaign: str | None

    def template_of(self, source: Source) -> Template:
        """Compile the template; without one each row is a whole request."""
        from vonage_messages.bulk.template import compile_template, rows_as_payloads  # noqa: PLC0415  not for --help

        shortcut = {"--from": self.sender, "--text": self.text, "--to-column": self.to_column}
        if self.channel is None:
            given = [name for name, value in shortcut.items() if value is not None]
            if given:
                raise click.UsageError(f"{', '.join(given)} belongs to --channel.")
            return rows_as_payloads(source.row_format) if self.template is None else compile_template(self.template)
        if self.template is not None:
            raise click.UsageError("--channel and --template say the same thing: give one of them.")
        if self.sender is None or self.text is None:
            raise click.UsageError("--channel needs --from and --text.")
        to = "{" + (self.to_column or "to") + "}"
        message = {"channel": self.channel, "message_type": "text", "from": self.sender, "to": to, "text": self.text}
        return compile_template(json.dumps(message))


@attrs.frozen(kw_only=True, slots=False)
class RulesOptions:
    """
    What may be sent, and when.

    Its files are read once: what the plan was made with is what is sent with, also where a file changes meanwhile, or
    is a pipe, which is empty the second time.
    """

    limits_file: Path | None
    prices_file: Path | None
    max_cost: Decimal | None
    max_messages: int | None
    suppress: tuple[Path, ...]
    suppress_column: str | None
    quiet_hours: str | None
    unknown_zone: str | None

    @cached_property
    def limits(self) -> Limits | None:
        """Read the limits; ``None`` stands for the published ones."""
        return None if self.limits_file is None else limits_in(self.limits_file)

    @cached_property
    def prices(self) -> PriceTable | None:
        """Read the price table, if there is one."""
        if self.prices_file is not None:
            return prices_in(self.prices_file)
        if self.max_cost is not None:
            raise click.UsageError("--max-cost needs --prices.")
        return None

    def screen(self) -> Screen:
        """Read who must not be written to, and when."""
        from vonage_messages.bulk.quiet_hours import HOLD, QuietHours  # noqa: PLC0415  not for --help
        from vonage_messages.bulk.screening import Screen, SuppressionFiles  # noqa: PLC0415  see above

        if self.quiet_hours is None and self.unknown_zone is not None:
            raise click.UsageError("--unknown-zone belongs to --quiet-hours.")
        if self.suppress_column is not None and not self.suppress:
            raise click.UsageError("--suppress-column belongs to --suppress.")
        quiet_hours = None
        if self.quiet_hours is not None:
            quiet_hours = QuietHours.parse(self.quiet_hours, unknown_zone=self.unknown_zone or HOLD)
        return Screen(suppression=SuppressionFiles(self.suppress, column=self.suppress_column), quiet_hours=quiet_hours)


@attrs.frozen(kw_only=True)
class SendingOptions:
    """How a run goes about it."""

    in_doubt: str
    wait: bool
    connections: int
    yes: bool


def taken(kind: type[Any], typed: dict[str, Any]) -> Any:
    """Take the options of one kind out of what was typed."""
    return kind(**{field.name: typed.pop(field.name) for field in attrs.fields(kind)})


def outbox_of(file: Path, outbox: Path | None) -> Path:
    """Tell where the outbox of a file is; a path that ends in ``.outbox`` is one."""
    if outbox is not None:
        return outbox
    if file == STANDARD_INPUT:
        raise click.UsageError("standard input has no name: say with --outbox where its outbox is.")
    if not file.name:
        raise click.UsageError("FILE is empty: name a file.")
    return file if file.suffix == _SUFFIX else file.with_suffix(_SUFFIX)


def opened_source(file: Path, row_format: str | None) -> AbstractContextManager[Source]:
    """Make the rows of a file, or of standard input, readable more than once."""
    from vonage_messages.bulk.source import opened, put_aside  # noqa: PLC0415  not for --help

    if file == STANDARD_INPUT:
        return put_aside(sys.stdin.buffer, row_format)
    if file.suffix == _SUFFIX:
        raise click.UsageError(f"{file} is an outbox: give the file that it was, or is to be, filled from.")
    return opened(file, row_format)
