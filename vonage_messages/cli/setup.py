"""``vonage-messages setup``: an application and its key. Arguments in, the lines of an environment out."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from vonage_messages.cli.terminal import errors, output, printable, telling_of_no_message

if TYPE_CHECKING:
    from vonage_messages.onboarding.setup import Ready, Wanted

_INBOUND: Final = "/webhooks/inbound-message"
_STATUS: Final = "/webhooks/message-status"


@click.command(
    epilog="VONAGE_API_KEY and VONAGE_API_SECRET are those of the account (dashboard, settings); VONAGE_BASE_URL names "
    "another address of the API."
)
@click.option("--name", help="What the application is called.  [default: messages]")
@click.option("--webhook-base", metavar="URL", help=f"Webhooks are at URL{_INBOUND} and URL{_STATUS}.")
@click.option("--inbound-url", metavar="URL", help="Where messages of people go.")
@click.option("--status-url", metavar="URL", help="Where statuses go.")
@click.option("--webhook-version", type=click.Choice(("v1", "v0.1")), help="The shape of both.  [default: v1]")
@click.option("--application-id", metavar="ID", help="Change this application; without it a new one is made.")
@click.option("--new-key", is_flag=True, help="With --application-id: give it another key.")
@click.option("--key-file", type=click.Path(path_type=Path), default=Path("private.key"), show_default=True)
@click.option("--overwrite-key", is_flag=True, help="Replace a key file that is there.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
def setup(  # noqa: PLR0913  one parameter for each option
    *,
    name: str | None,
    webhook_base: str | None,
    inbound_url: str | None,
    status_url: str | None,
    webhook_version: str | None,
    application_id: str | None,
    new_key: bool,
    key_file: Path,
    overwrite_key: bool,
    as_json: bool,
) -> None:
    """
    Make an application for messages, or change one.

    \b
    vonage-messages setup --webhook-base https://example.com
    vonage-messages setup --application-id ID --status-url https://example.com/s

    A new application gets a key that is made here and written to --key-file, for its owner alone (mode 0600): the
    private half never leaves this machine. What is printed on standard output are lines for a .env file. What an
    application has beside messages stays.
    """  # noqa: D301  \b keeps click from joining the lines
    from vonage_messages.onboarding.setup import Wanted  # noqa: PLC0415  --help does without it

    if new_key and application_id is None:
        raise click.UsageError("--new-key belongs to --application-id: a new application has a new key.")
    if webhook_base is not None:
        base = webhook_base.rstrip("/")
        inbound_url, status_url = inbound_url or base + _INBOUND, status_url or base + _STATUS
    if application_id is None and not (inbound_url and status_url):
        raise click.UsageError("a new application needs --webhook-base, or both --inbound-url and --status-url.")
    wanted = Wanted(
        name=name or (None if application_id else "messages"),
        inbound_url=inbound_url,
        status_url=status_url,
        webhook_version=webhook_version,
        application_id=application_id,
        key_file=key_file,
        new_key=new_key,
        overwrite_key=overwrite_key,
    )
    with telling_of_no_message():
        ready = asyncio.run(_set_up(wanted))
    if as_json:
        output().print(json.dumps(_plain(ready)), soft_wrap=True)
        return
    errors().print(_said(ready), soft_wrap=True)
    for line in ready.lines():
        output().print(printable(line), soft_wrap=True)


async def _set_up(wanted: Wanted) -> Ready:
    from vonage_messages.clients import ApplicationsClient  # noqa: PLC0415  --help does without aiohttp
    from vonage_messages.onboarding.setup import set_up  # noqa: PLC0415  see above

    async with ApplicationsClient.from_env(app_name="vonage-messages") as client:
        return await set_up(client, wanted)


def _said(ready: Ready) -> str:
    application = ready.application
    done = "made" if ready.created else "changed"
    key = "" if ready.key_file is None else f" Its key is in {ready.key_file}."
    urls = f"Statuses go to {application.status_url}, messages of people to {application.inbound_url}."
    return printable(f"The application {application.name!r} is {done}.{key} {urls} Next: vonage-messages doctor")


def _plain(ready: Ready) -> dict[str, object]:
    application = ready.application
    return {
        "application_id": application.id,
        "name": application.name,
        "created": ready.created,
        "inbound_url": application.inbound_url,
        "status_url": application.status_url,
        "webhook_version": application.webhook_version,
        "key_file": None if ready.key_file is None else str(ready.key_file),
        "environment": ready.environment(),
    }
