"""The options of ``simulator`` beside its address, and what they make of a ``Simulator``."""

from __future__ import annotations

import os
import tomllib
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vonage_messages.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonage_messages.simulator import Habit

_LONGEST_FILE = 1024 * 1024
_CREDENTIALS = ("api_key", "api_secret", "application_id", "signature_secret")
_DELIVERY = (
    "submitted_after",
    "delivered_after",
    "read_after",
    "read_share",
    "repeated_share",
    "overtaken_share",
    "seed",
)


def rate(_context: click.Context, _parameter: click.Parameter, value: str) -> float | None:
    """Read the number of requests per second; the simulator itself refuses those that are no rate."""
    if value == "off":
        return None
    try:
        return float(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is neither a number nor off.") from None


def amount(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Decimal | None:
    """Read the amount of money exactly."""
    try:
        return None if value is None else Decimal(value)
    except InvalidOperation:
        raise click.BadParameter(f"{value!r} is no amount.") from None


def _credential(name: str, what: str) -> Any:
    variable = f"VONAGE_SIMULATOR_{name.upper()}"
    return click.option(
        f"--{name.replace('_', '-')}",
        metavar="TEXT",
        envvar=variable,
        help=f"{what}  [default: {variable}, or made up]",
    )


def _seconds(name: str, what: str) -> Any:
    return click.option(f"--{name}", metavar="SECONDS", type=float, help=what)


def _fraction(name: str, what: str) -> Any:
    return click.option(f"--{name}", metavar="SHARE", type=float, help=what)


_OPTIONS = (
    click.option("--status-url", metavar="URL", help="Who hears what becomes of messages."),
    click.option("--inbound-url", metavar="URL", help="Who hears what people write."),
    click.option("--webhook-version", type=click.Choice(("v1", "v0.1")), default="v1", show_default=True),
    click.option("--callback-host", metavar="HOST", multiple=True, help="Another machine that may be called."),
    _credential("api_key", "The key of the account."),
    _credential("api_secret", "Its secret."),
    _credential("application_id", "The application."),
    _credential("signature_secret", "What callbacks are signed with."),
    click.option(
        "--provider-limits/--no-provider-limits",
        default=True,
        show_default=True,
        help="Reject what WhatsApp and Messenger would find too fast.",
    ),
    _seconds("submitted-after", "How long until a message is submitted, on average.  [default: 0.02]"),
    _seconds("delivered-after", "How long until it is delivered then.  [default: 0.05]"),
    _seconds("read-after", "How long until it is read then.  [default: 0.1]"),
    _fraction("read-share", "How many of the messages are read, of 1.  [default: 1]"),
    _fraction("repeated-share", "How many callbacks leave twice.  [default: 0]"),
    _fraction("overtaken-share", "How many statuses leave before the one before them.  [default: 0]"),
    click.option("--seed", type=int, help="Decides all that is left to chance.  [default: 0]"),
    click.option(
        "--speed",
        type=float,
        help="How many seconds pass for the simulator in one: 3600 runs a day of retries in 24 seconds; with 0 it "
        "stands still until POST /_simulator/clock/advance.  [default: 1]",
    ),
    click.option(
        "--people",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="What people do with what reaches them: TOML, a table [[people]] for each habit.",
    ),
)


def simulator_options(command: Any) -> Any:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def simulator_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """
    Turn the options into the arguments of a ``Simulator``.

    Raises:
        ConfigurationError: one of them cannot be.
    """
    from vonage_messages.clock import ManualClock, ScaledClock  # noqa: PLC0415  --help does without the web server
    from vonage_messages.simulator import Delivery  # noqa: PLC0415  see above

    arguments: dict[str, Any] = {name: given[name] for name in _CREDENTIALS}
    arguments |= {name: given[name] for name in ("status_url", "inbound_url", "webhook_version")}
    arguments["callback_hosts"] = given["callback_host"]
    arguments["delivery"] = Delivery(**{name: given[name] for name in _DELIVERY if given[name] is not None})
    if not given["provider_limits"]:
        arguments["provider_limits"] = ()
    if given["speed"] is not None:
        arguments["clock"] = ScaledClock(given["speed"]) if given["speed"] else ManualClock()
    return arguments


def habits_in(path: Path) -> list[Habit]:
    """
    Read the habits of a file.

    Raises:
        ConfigurationError: it is no TOML, or holds what is no habit.
    """
    from vonage_messages.simulator import Habit  # noqa: PLC0415  see simulator_arguments

    try:
        with path.open("rb") as file:
            table = tomllib.loads(file.read(_LONGEST_FILE).decode())
    except OSError as error:
        raise ConfigurationError(f"--people {path} cannot be read: {os.strerror(error.errno or 0)}.") from error
    except (ValueError, RecursionError) as error:  # bytes that are no text; no TOML; nested too deeply
        raise ConfigurationError(f"--people {path} is no TOML: {error}.") from error
    people = table.pop("people", [])
    if table or not isinstance(people, list) or not all(isinstance(each, dict) for each in people):
        raise ConfigurationError(f"--people {path} must hold tables [[people]], and nothing else.")
    habits = []
    for number, each in enumerate(people, 1):
        try:
            habits.append(Habit.from_mapping(each))
        except ConfigurationError as error:
            raise ConfigurationError(f"--people {path}, [[people]] number {number}: {error}") from error
    return habits
