"""
Set-up: an application for messages, its key in a file, and the variables that point a program at both.

The key is made here and only its public half leaves the machine, so an answer that is lost does not take the key along.

Reference: Application API, OpenAPI 2.1.
"""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from vonage_messages.errors import ConfigurationError, VonageMessagesError
from vonage_messages.onboarding.keys import KeyFile, new_key_pair
from vonage_messages.wire.applications import Application

if TYPE_CHECKING:
    from vonage_messages.clients.applications import ApplicationsClient


@attrs.frozen(kw_only=True)
class Wanted:
    """What is to be set up. What is ``None`` stays as an existing application has it."""

    name: str | None = None
    inbound_url: str | None = None
    status_url: str | None = None
    webhook_version: str | None = None
    application_id: str | None = None
    """The application to change; without one a new one is made."""

    key_file: Path = Path("private.key")
    new_key: bool = False
    """Give an existing application another key; the one before is worth nothing then."""

    overwrite_key: bool = False
    """Put a new key into the place of a file that is there."""

    @property
    def makes_key(self) -> bool:
        """Whether a key is made."""
        return self.new_key or self.application_id is None


@attrs.frozen(kw_only=True)
class Ready:
    """What was set up."""

    application: Application
    created: bool
    key_file: Path | None
    """Where the new key is; ``None`` where the application keeps the one that it has."""

    def environment(self) -> dict[str, str]:
        """Give the variables that ``Client.from_env`` reads."""
        variables = {"VONAGE_APPLICATION_ID": self.application.id}
        if self.key_file is not None:
            variables["VONAGE_PRIVATE_KEY"] = str(self.key_file)
        return variables

    def lines(self) -> list[str]:
        """Write the variables as a shell and a ``.env`` file read them."""
        return [f"{name}={shlex.quote(value)}" for name, value in self.environment().items()]


async def set_up(client: ApplicationsClient, wanted: Wanted) -> Ready:
    """
    Make the application that is *wanted*, or change it.

    A new key is on the disk (mode 0600) before the platform hears of it. Where the platform certainly did not take it,
    it is removed again; where that is not known, it stays, and the error says where.

    Raises:
        ConfigurationError: there is a key file that may not go, or something is missing for a new application; or the
            key cannot be put into its place in the end (a note says of which application it is).
        InvalidMessageError, APIError, TransportError, UnexpectedResponseError: as ``ApplicationsClient`` does.
    """
    if wanted.application_id is None:
        _check_complete(wanted)
    if not wanted.makes_key:
        return Ready(application=await _ask(client, wanted, None), created=False, key_file=None)
    private, public = new_key_pair()
    path = wanted.key_file.absolute()
    file = KeyFile.write(path, private, overwrite=wanted.overwrite_key)
    try:
        application = await _ask(client, wanted, public)
    except (VonageMessagesError, asyncio.CancelledError) as error:
        if getattr(error, "maybe_sent", True):  # what is broken off may have been done
            error.add_note(f"The new key is in {file.written}: the platform may have taken it.")
        else:
            file.discard()
        raise
    except BaseException:
        file.discard()
        raise
    try:
        file.keep()
    except ConfigurationError as error:
        error.add_note(f"The application is {application.id}.")
        raise
    return Ready(application=application, created=wanted.application_id is None, key_file=path)


async def _ask(client: ApplicationsClient, wanted: Wanted, public_key: str | None) -> Application:
    if wanted.application_id is None:
        return await client.create(
            str(wanted.name),
            inbound_url=str(wanted.inbound_url),
            status_url=str(wanted.status_url),
            webhook_version=wanted.webhook_version or "v1",
            public_key=public_key,
        )
    return await client.update(
        wanted.application_id,
        name=wanted.name,
        inbound_url=wanted.inbound_url,
        status_url=wanted.status_url,
        webhook_version=wanted.webhook_version,
        public_key=public_key,
    )


def _check_complete(wanted: Wanted) -> None:
    missing = [name for name in ("name", "inbound_url", "status_url") if not getattr(wanted, name)]
    if missing:
        raise ConfigurationError(f"a new application needs {', '.join(missing)}.")
