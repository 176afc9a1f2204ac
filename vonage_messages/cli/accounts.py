"""
``vonage-messages accounts``: the accounts at Messenger, Viber, WhatsApp and RCS. Arguments in, a table or JSON out.

An access token is read from a file or from standard input, and never printed: an argument would show it to everybody
who lists the processes of the machine.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from rich.table import Table

from vonage_messages.cli.terminal import output, printable, telling_of_no_message
from vonage_messages.wire.accounts import Provider

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from rich.console import Console

    from vonage_messages.clients import AccountsClient
    from vonage_messages.wire.accounts import ExternalAccount

_LARGEST_TOKEN: Final = 4096
_ROOM: Final = 80
"""Columns of a terminal from which on only ids and names of accounts are broken: one that is cut is of no use."""

_KNOWN: Final = ("provider", "external_id", "name", "api_key", "applications")

# Values: newer versions of click would take the names of members. The last two are what others call Viber.
_PROVIDERS: Final = [*(each.value for each in Provider), "viber_service", "viber"]

_PROVIDER = click.argument("provider", type=click.Choice(_PROVIDERS), metavar="PROVIDER")
_ID = click.argument("external_id", metavar="ID")
_APPLICATION = click.argument("application", metavar="APPLICATION")
_AS_JSON = click.option("--json", "as_json", is_flag=True, help="As JSON.")
_NAME = click.option("--name", help="A label of your own.")
_FILE = "--access-token-file"


@click.group(
    epilog="Credentials come from VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY, or from VONAGE_API_KEY and "
    "VONAGE_API_SECRET; VONAGE_BASE_URL names another address of the API."
)
def accounts() -> None:
    """
    Manage the accounts that messages are sent from (External Accounts API, beta).

    PROVIDER is messenger, viber_service_msg, whatsapp or rcs. ID is the page of Messenger, the service of Viber, the
    number of WhatsApp or the agent of RCS. Only accounts of Messenger can be made, changed and deleted here.
    """


@accounts.command("list")
@click.option("--provider", type=click.Choice(_PROVIDERS), help="Only those of one provider.")
@_AS_JSON
def list_accounts(*, provider: str | None, as_json: bool) -> None:
    """List all accounts."""

    async def every(client: AccountsClient) -> list[ExternalAccount]:
        return [account async for account in client.list(provider=provider)]

    found = _ask(every)
    if as_json:
        output().print(json.dumps([_plain(each) for each in found]), soft_wrap=True)
    else:
        _show_table(found, output())


@accounts.command("show")
@_PROVIDER
@_ID
@_AS_JSON
def show_account(*, provider: str, external_id: str, as_json: bool) -> None:
    """Show one account."""
    _show(_ask(lambda client: client.get(provider, external_id)), as_json=as_json)


@accounts.command("link")
@_PROVIDER
@_ID
@_APPLICATION
@_AS_JSON
def link_account(*, provider: str, external_id: str, application: str, as_json: bool) -> None:
    """Link an account to the application with the id APPLICATION, which gets what people write to it."""
    _show(_ask(lambda client: client.link(provider, external_id, application)), as_json=as_json)


@accounts.command("unlink")
@_PROVIDER
@_ID
@_APPLICATION
def unlink_account(*, provider: str, external_id: str, application: str) -> None:
    """Take the link between an account and an application away."""
    _ask(lambda client: client.unlink(provider, external_id, application))
    output().print(f"{provider} {printable(external_id)} is not linked to {printable(application)} any more.")


@accounts.command("create-messenger")
@_ID
@click.option(_FILE, "token_file", required=True, metavar="FILE", help="Holds the page's access token; - reads stdin.")
@_NAME
@click.option("--application", help="Link it to this application.")
@_AS_JSON
def create_messenger(
    *, external_id: str, token_file: str, name: str | None, application: str | None, as_json: bool
) -> None:
    """Add the page of Messenger with the id ID."""
    token = _token(token_file)
    linked = () if application is None else (application,)
    made = _ask(lambda client: client.create_messenger(external_id, token, name=name, applications=linked))
    _show(made, as_json=as_json)


@accounts.command("update-messenger")
@_ID
@click.option(_FILE, "token_file", metavar="FILE", help="Holds the page's new access token; - reads stdin.")
@_NAME
@click.option("--application", help="Link it to this application.")
@click.option("--no-application", is_flag=True, help="Link it to none.")
@_AS_JSON
def update_messenger(  # noqa: PLR0913  one parameter for each option
    *,
    external_id: str,
    token_file: str | None,
    name: str | None,
    application: str | None,
    no_application: bool,
    as_json: bool,
) -> None:
    """Change the page of Messenger with the id ID; what is not given stays."""
    if application is not None and no_application:
        raise click.UsageError("--application and --no-application contradict each other.")
    token = None if token_file is None else _token(token_file)
    linked = () if no_application else None if application is None else (application,)
    changed = _ask(
        lambda client: client.update_messenger(external_id, name=name, access_token=token, applications=linked)
    )
    _show(changed, as_json=as_json)


@accounts.command("delete-messenger")
@_ID
@click.confirmation_option(prompt="Take this page away? Messages from it are refused then.")
def delete_messenger(*, external_id: str) -> None:
    """Take the page of Messenger with the id ID away."""
    _ask(lambda client: client.delete_messenger(external_id))
    output().print(f"messenger {printable(external_id)} is deleted.")


def _ask(call: Callable[[AccountsClient], Awaitable[Any]]) -> Any:
    from vonage_messages.clients import AccountsClient  # noqa: PLC0415  --help does without aiohttp

    async def asking() -> Any:
        async with AccountsClient.from_env(app_name="vonage-messages") as client:
            return await call(client)

    with telling_of_no_message():
        return asyncio.run(asking())


def _token(file: str) -> str:
    """Read an access token: one line, in a file or on standard input."""
    try:
        if file == "-":
            given = sys.stdin.buffer.read(_LARGEST_TOKEN + 1)
        else:
            with Path(file).open("rb") as opened:
                given = opened.read(_LARGEST_TOKEN + 1)
        text = given.decode().strip()
    except OSError as error:
        raise click.UsageError(f"{_FILE} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise click.UsageError(f"{_FILE} is no UTF-8.") from None
    if not text or len(given) > _LARGEST_TOKEN or not text.isprintable():
        raise click.UsageError(f"{_FILE} must hold an access token on one line, and nothing else.")
    return text


def _plain(account: ExternalAccount) -> dict[str, object]:
    """Give what may be printed of an account: everything but its access token."""
    return {name: getattr(account, name) for name in _KNOWN}


def _show(account: ExternalAccount, *, as_json: bool) -> None:
    if as_json:
        output().print(json.dumps(_plain(account)), soft_wrap=True)
        return
    for label, value in (
        ("provider", account.provider),
        ("id", account.external_id),
        ("name", account.name or "-"),
        ("API key", account.api_key or "-"),
        ("application", ", ".join(account.applications) or "-"),
    ):
        output().print(f"{label:<11}  {printable(value)}", soft_wrap=True)


def _show_table(found: Sequence[ExternalAccount], console: Console) -> None:
    if not found:
        console.print("There are no accounts.")
        return
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    whole = console.width >= _ROOM
    for title, keep_whole in (("Provider", whole), ("Id", False), ("Name", False), ("Application", whole)):
        table.add_column(title, no_wrap=keep_whole, overflow="fold")
    for each in found:
        applications = "\n".join(map(printable, each.applications))
        table.add_row(*map(printable, (each.provider, each.external_id, each.name or "-")), applications or "-")
    console.print(table)
