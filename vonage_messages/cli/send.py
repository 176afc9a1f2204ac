"""``vonage-messages send``: one message from the command line. Arguments in, a receipt out."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import click
from rich.panel import Panel
from rich.table import Table

from vonage_messages.cli.composing import CHANNELS, CONTENTS, SendOptions, compose, read_message, read_raw_message
from vonage_messages.cli.terminal import errors, output, printable
from vonage_messages.shutdown import first_signal_heard
from vonage_messages.wire.payloads import to_payload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rich.console import Console

    from vonage_messages.channels.base import Message
    from vonage_messages.clients import Client
    from vonage_messages.wire.payloads import ApiVersion
    from vonage_messages.wire.rest import SentMessage

_LARGEST_PAYLOAD = 1024 * 1024
_RECEIPT = ("message_uuid", "workflow_id", "client_ref", "request_id")

_WHO = (
    click.argument("channel", type=click.Choice(CHANNELS), required=False, metavar="CHANNEL"),
    click.option("--to", metavar="RECIPIENT", help="A number with country code, an id or an address."),
    click.option("--from", "sender", metavar="SENDER", help="A number, a name, an id or an address."),
)
_WHAT = (
    click.option("--text", help="A plain text."),
    click.option("--image", metavar="URL", help="A picture, by its public URL: every channel but SMS and email."),
    click.option("--audio", metavar="URL", help="MMS, WhatsApp, Messenger."),
    click.option("--video", metavar="URL", help="MMS, RCS, WhatsApp, Messenger, Viber."),
    click.option("--file", metavar="URL", help="MMS, RCS, WhatsApp, Messenger, Viber."),
    click.option("--vcard", metavar="URL", help="MMS."),
    click.option("--sticker", metavar="URL", help="WhatsApp."),
    click.option("--caption", help="The words beside a medium."),
    click.option("--thumb-url", metavar="URL", help="The picture that stands for a Viber video."),
    click.option("--duration", metavar="SECONDS", help="How long a Viber video takes."),
    click.option("--file-size", metavar="MB", help="How large a Viber video is."),
    click.option("--template", metavar="NAME", help="An approved template of WhatsApp, or of Viber over v0.1."),
    click.option("--parameter", "parameters", multiple=True, help="A value of the template; may be given again."),
    click.option("--locale", help="The language of a WhatsApp template, such as en_GB.  [default: en_US]"),
    click.option("--subject", help="The subject of an email."),
    click.option("--html", help="The HTML of an email, alone or beside --text."),
)
_HOW = (
    click.option("--client-ref", help="Your own reference, echoed in every status."),
    click.option("--ttl", type=int, metavar="SECONDS", help="How long delivery may take (SMS, MMS, RCS, Viber)."),
    click.option("--failover-sms", metavar="SENDER", help="If it is rejected, send --text as an SMS from SENDER."),
)


def _with_message_options(command: Any) -> Any:
    """Add the options that say what to send, in the order in which --help lists them."""
    for option in reversed((*_WHO, *_WHAT, *_HOW)):
        command = option(command)
    return command


@click.command(
    epilog="Credentials come from VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (a path or PEM text), or from "
    "VONAGE_API_KEY and VONAGE_API_SECRET; VONAGE_BASE_URL names another address of the API."
)
@_with_message_options
@click.option(
    "--json", "payload", type=click.File("rb"), metavar="FILE", help="A whole request body; - reads standard input."
)
@click.option("--raw", is_flag=True, help="With --json: send the body as it is, unchecked.")
@click.option("--api-version", type=click.Choice(("v1", "v0.1")), default="v1", show_default=True)
@click.option("--dry-run", is_flag=True, help="Check the message, print its JSON, send nothing.")
@click.option("--simulator", "simulated", is_flag=True, help="Send to a local simulator, started for this one message.")
@click.option("--output", "form", type=click.Choice(("panel", "json")), default="panel", show_default=True)
def send(  # noqa: PLR0913  one parameter for each option that is no part of the message
    *,
    channel: str | None,
    payload: BinaryIO | None,
    raw: bool,
    api_version: ApiVersion,
    dry_run: bool,
    simulated: bool,
    form: str,
    **typed: Any,
) -> None:
    """
    Send one message.

    \b
    vonage-messages send sms --to +447700900000 --from Acme --text Hello
    vonage-messages send whatsapp --to +447700900000 --from +447700900001 \\
        --image https://example.com/cat.jpg --caption "Our cat"
    vonage-messages send --json message.json

    CHANNEL is sms, mms, rcs, whatsapp, messenger, viber or email; it is left out beside --json. The exit code is 1
    for what the platform refused, 2 for bad input. Ctrl-C waits for the answer to the request under way.
    """  # noqa: D301  \b keeps click from joining the lines
    message = _message_of(payload, api_version, raw=raw, channel=channel, typed=typed)
    console = output()
    if dry_run:
        _show_payload(message, api_version, console)
        return
    sent = asyncio.run(_send(message, api_version, simulated=simulated))
    _FORMS[form](sent, console)


def _message_of(
    payload: BinaryIO | None, api_version: ApiVersion, *, raw: bool, channel: str | None, typed: dict[str, Any]
) -> Message:
    if payload is None:
        if raw:
            raise click.UsageError("--raw belongs to --json.")
        return compose(_options(channel, typed))
    given = ["CHANNEL"] if channel else []
    given += [name for name, value in typed.items() if value not in (None, ())]
    if given:
        raise click.UsageError("--json holds the whole message: leave out " + ", ".join(_spelt(each) for each in given))
    text = payload.read(_LARGEST_PAYLOAD + 1)
    if len(text) > _LARGEST_PAYLOAD:
        raise click.UsageError(f"--json holds more than {_LARGEST_PAYLOAD:,} bytes.")
    return read_raw_message(text) if raw else read_message(text, api_version)


def _options(channel: str | None, typed: dict[str, Any]) -> SendOptions:
    named = {"CHANNEL": channel, "--to": typed["to"], "--from": typed["sender"]}
    missing = [name for name, value in named.items() if value is None]
    if channel is None or missing:
        raise click.UsageError(f"{', '.join(missing)} must be given, or --json.")
    content = {name: typed.pop(name) for name in CONTENTS}
    return SendOptions(channel=channel, content=content, **typed)


def _spelt(name: str) -> str:
    """Write the name of a parameter as it was typed."""
    spelled = {"sender": "--from", "parameters": "--parameter", "CHANNEL": "CHANNEL"}
    return spelled.get(name, "--" + name.replace("_", "-"))


async def _send(message: Message, api_version: ApiVersion, *, simulated: bool) -> SentMessage:
    loop = asyncio.get_running_loop()
    async with _simulated_client() if simulated else _client() as client:
        # Whoever breaks a request off never learns whether the message is on its way.
        with first_signal_heard(lambda _signal: loop.call_soon_threadsafe(_say_that_it_waits)):
            return await client.send(message, api_version=api_version)


def _say_that_it_waits() -> None:
    errors().print("The message is on its way: its answer is waited for. Ctrl-C again leaves at once.", soft_wrap=True)


def _client() -> Client:
    from vonage_messages.clients import Client  # noqa: PLC0415  --help and --dry-run do without aiohttp

    return Client.from_env(app_name="vonage-messages")


@asynccontextmanager
async def _simulated_client() -> AsyncIterator[Client]:
    from vonage_messages.simulator import Simulator  # noqa: PLC0415  see _client

    async with Simulator() as simulator, simulator.client() as client:
        yield client


def _show_payload(message: Message, api_version: ApiVersion, console: Console) -> None:
    """Print the JSON so that ``send --json -`` takes it."""
    payload = to_payload(message, api_version)
    console.print(json.dumps(payload, indent=2, ensure_ascii=not _knows_utf8(console)), soft_wrap=True)


def _show_panel(sent: SentMessage, console: Console) -> None:
    table = Table.grid(padding=(0, 2))
    for name in _RECEIPT:
        value = getattr(sent, name)
        if value is not None:
            table.add_row(name, printable(value))
    console.print(
        Panel(
            table,
            title="accepted: queued, not delivered yet",
            title_align="left",
            border_style="green",
            expand=False,
        )
    )


def _show_json(sent: SentMessage, console: Console) -> None:
    receipt = {name: getattr(sent, name) for name in _RECEIPT}
    console.print(json.dumps(receipt), soft_wrap=True)


def _knows_utf8(console: Console) -> bool:
    return console.encoding.lower().startswith("utf")


_FORMS = {"panel": _show_panel, "json": _show_json}
