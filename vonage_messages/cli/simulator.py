"""``vonage-messages simulator``: the API on this machine until it is stopped. Arguments in, a line for each message."""

from __future__ import annotations

import asyncio
import os
import shlex
import tempfile
from contextlib import contextmanager, nullcontext
from decimal import Decimal
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import click

from vonage_messages.cli.files import prices_in
from vonage_messages.cli.simulator_options import amount, habits_in, rate, simulator_arguments, simulator_options
from vonage_messages.cli.stopping import stop_signal
from vonage_messages.cli.terminal import output, printable
from vonage_messages.errors import ConfigurationError
from vonage_messages.simulator.state import ReceivedMessage, Refusal
from vonage_messages.values import masked

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from vonage_messages.clients import Client
    from vonage_messages.simulator import Simulator
    from vonage_messages.simulator.relay import Relay
    from vonage_messages.values import Seconds

ItemT = TypeVar("ItemT", ReceivedMessage, Refusal)

_LOOK_EVERY: Seconds = 0.1
_LONGEST_KEY = 64 * 1024
_ONLY_OWNER = 0o600


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8090, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; see --expose.")
@click.option("--expose", is_flag=True, help="Let --host be an address that other machines reach.")
@click.option(
    "--rate", metavar="NUMBER|off", callback=rate, default="30", show_default=True, help="Requests per second, or off."
)
@click.option(
    "--balance",
    metavar="AMOUNT",
    callback=amount,
    help="The account's money; every message takes 0.01.  [default: endless]",
)
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The application's private key: used if the file is there, made and kept if not.  "
    "[default: a temporary file that goes with the simulator]",
)
@click.option(
    "--relay", is_flag=True, help="Let a person send a captured message for real, with the credentials VONAGE_RELAY_…"
)
@click.option("--relay-to", metavar="NUMBER", multiple=True, help="Who may be sent to for real. May be repeated.")
@click.option(
    "--relay-prices",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="What messages cost for real, as TOML or CSV, to be told before they go.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep what happens in a SQLite file, over restarts.  [default: in memory]",
)
@simulator_options
@click.option("--show", is_flag=True, help="Show numbers and texts in full.")
def simulator(  # noqa: PLR0913  one parameter for each option
    *,
    port: int,
    host: str,
    expose: bool,
    rate: float | None,
    balance: Decimal | None,
    key_file: Path | None,
    relay: bool,
    relay_to: tuple[str, ...],
    relay_prices: Path | None,
    keep: Path | None,
    people: Path | None,
    show: bool,
    **further: Any,
) -> None:
    """
    Run the Messages API on this machine, until Ctrl-C.

    Paste the lines that it prints into another terminal, and every program there that reads its credentials from the
    environment sends here. Every message that arrives gets a line; numbers are masked unless --show is given.
    """
    from vonage_messages.simulator import Simulator  # noqa: PLC0415  --help does without the web server

    given_key = _read_key(key_file) if key_file is not None else None
    really = _really_sending(relay_to, relay_prices) if relay else None
    if really is None and (relay_to or relay_prices):
        raise click.UsageError("--relay-to and --relay-prices belong to --relay.")
    simulated = Simulator(
        host=host,
        port=port,
        expose=expose,
        keep=keep,
        rate=rate,
        balance=balance,
        private_key=given_key,
        relay=None if really is None else really[1],
        **simulator_arguments(further),
    )
    for habit in habits_in(people) if people is not None else ():
        simulated.people.add(habit)
    asyncio.run(_serve(simulated, None if really is None else really[0], key_file, _Watch(output(), show=show)))


def _really_sending(recipients: tuple[str, ...], prices_file: Path | None) -> tuple[Client, Relay]:
    """
    Make what sends captured messages for real.

    Raises:
        ConfigurationError: credentials, recipients or prices are missing or wrong.
    """
    from vonage_messages.cli.relay import real_relay  # noqa: PLC0415  see simulator

    if not recipients:
        raise click.UsageError("--relay needs --relay-to: nobody else may be sent to.")
    return real_relay(os.environ, recipients, None if prices_file is None else prices_in(prices_file))


async def _serve(simulated: Simulator, sending: Client | None, key_file: Path | None, watch: _Watch) -> None:
    """Run until a signal asks for the end. *sending* sends for real, and is closed with the rest."""
    stop = stop_signal()
    async with sending or nullcontext(), simulated:
        with _key_on_disk(simulated.private_key, key_file) as key_path:
            watch.show_start(simulated, key_path)
            while not stop.is_set():  # ends with the signal: that is what the command is for
                watch.show_new(simulated)
                await _wait(stop)
    watch.show_new(simulated)
    watch.show_end()


async def _wait(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_LOOK_EVERY):
            await stop.wait()
    except TimeoutError:
        return


@attrs.define
class _Watch:
    """Prints what arrives: a line for each message and each refusal, oldest first."""

    _console: Console
    _show: bool = attrs.field(kw_only=True)
    accepted: int = attrs.field(init=False, default=0)
    refused: int = attrs.field(init=False, default=0)
    _last_message: str = attrs.field(init=False, default="")
    _last_refusal: str = attrs.field(init=False, default="")

    def show_start(self, simulated: Simulator, key_path: Path) -> None:
        """Print the address, and the lines that point another terminal here."""
        environment = {**simulated.environment(), "VONAGE_PRIVATE_KEY": str(key_path)}
        where = f"{simulated.url} (open it in a browser: the inbox)"
        lines = [f"The Messages API, simulated at {where}. Ctrl-C stops it. In another terminal:", ""]
        lines += [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
        self._print("\n".join([*lines, ""]))
        self._pass_over(simulated)
        if simulated.exposed:
            self._print(f"Other machines reach it at {simulated.exposed}: whoever does reads what arrives here.\n")
        if simulated.releases is not None:
            self._print(
                f"A message may be sent for real, by a person who confirms it: {simulated.releases.destination}.\n"
            )

    def _pass_over(self, simulated: Simulator) -> None:
        """Say how much is there from before, and leave it out."""
        messages, refusals = simulated.messages, simulated.refusals
        if messages:
            self._last_message = messages[-1].message_uuid
            self._print(f"Kept from before: {len(messages)} message{'' if len(messages) == 1 else 's'}.\n")
        if refusals:
            self._last_refusal = refusals[-1].request_id

    def show_new(self, simulated: Simulator) -> None:
        """Print what has arrived since the last look."""
        messages = _since(simulated.messages, self._last_message)
        refusals = _since(simulated.refusals, self._last_refusal)
        arrived: list[ReceivedMessage | Refusal] = [*messages, *refusals]
        for each in sorted(arrived, key=lambda item: item.received_at):
            self._print(self._line(each))
        if messages:
            self._last_message = messages[-1].message_uuid
        if refusals:
            self._last_refusal = refusals[-1].request_id
        self.accepted += len(messages)
        self.refused += len(refusals)

    def show_end(self) -> None:
        """Print the sums."""
        self._print(f"\nStopped: {self.accepted} accepted, {self.refused} refused.")

    def _line(self, item: ReceivedMessage | Refusal) -> str:
        described = self._message(item) if isinstance(item, ReceivedMessage) else _refusal(item)
        return f"{item.received_at.astimezone():%H:%M:%S}  {printable(described)}"

    def _message(self, message: ReceivedMessage) -> str:
        to, sender = (each if self._show else masked(each) for each in (message.to, message.from_))
        parts = ["202", message.version, message.channel, message.message_type, f"{sender} -> {to}"]
        text = _text_of(message) if self._show else None
        return "  ".join([*parts, message.message_uuid, *([text] if text else [])])

    def _print(self, line: str) -> None:
        self._console.print(line, soft_wrap=True)


def _refusal(refusal: Refusal) -> str:
    """Describe a refusal; the documents of the simulator repeat no value of the request."""
    words = [refusal.problem.get("title"), refusal.problem.get("detail")]
    words += [f"{each['name']}: {each['reason']}" for each in refusal.problem.get("invalid_parameters", ())]
    said = "; ".join(str(each).rstrip(".") for each in words if each)
    return "  ".join([str(refusal.status), refusal.method, refusal.path, said])


def _text_of(message: ReceivedMessage) -> str | None:
    """Find the text of a message of either version; other content has none."""
    payload: Any = message.payload
    text = payload["message"]["content"].get("text") if message.version == "v0.1" else payload.get("text")
    return text if isinstance(text, str) else None


def _since(items: Sequence[ItemT], last: str) -> list[ItemT]:
    """Give the items after the one with the id *last*: all of them where it is not held any more."""
    return list(takewhile(lambda item: _id(item) != last, reversed(items)))[::-1]


def _id(item: ReceivedMessage | Refusal) -> str:
    """Give what names an item; the messages of a failover chain share the id of their request."""
    return item.message_uuid if isinstance(item, ReceivedMessage) else item.request_id


def _read_key(path: Path) -> str | None:
    """
    Read a private key that is there already.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST_KEY + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"--key-file {path} cannot be read: {error.strerror}.") from error
    if len(content) > _LONGEST_KEY or not content.isascii():
        raise ConfigurationError(f"--key-file {path} holds no private key in PEM form. It was left alone.")
    return content.decode("ascii")


@contextmanager
def _key_on_disk(private_key: str, path: Path | None) -> Iterator[Path]:
    """Have the key in a file that only its owner may read: *path*, which stays, or a temporary one, which goes."""
    if path is not None:
        if not path.exists():
            _write_key(private_key, path)
        yield path.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="vonage-messages-") as folder:
        temporary = Path(folder) / "private.key"
        _write_key(private_key, temporary)
        yield temporary


def _write_key(private_key: str, path: Path) -> None:
    """
    Write the key, readable for its owner alone from the first byte on.

    Raises:
        ConfigurationError: it cannot be written there.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _ONLY_OWNER)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(private_key)
    except OSError as error:
        raise ConfigurationError(f"--key-file {path} cannot be written: {error.strerror}.") from error
