"""
``ApplicationsClient``: the Applications API v2. Which applications an account has, their keys and webhooks.

Reference: Application API, OpenAPI 2.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vonage_messages.auth import BasicAuth
from vonage_messages.clients.environment import account_auth_from
from vonage_messages.clients.management import GONE, ManagementClient, read_nothing
from vonage_messages.errors import ConfigurationError, UnexpectedResponseError
from vonage_messages.wire import applications as wire
from vonage_messages.wire.applications import MOST_PAGES, Application

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from vonage_messages.auth import ApplicationAuth
    from vonage_messages.clients.credentials import Auth


class ApplicationsClient(ManagementClient):
    """
    A client of the Applications API: it makes an application for messages, and changes one.

    ::

        async with ApplicationsClient(BasicAuth("abcd1234", "…")) as applications:
            made = await applications.create(
                "Shop",
                inbound_url="https://example.com/webhooks/inbound-message",
                status_url="https://example.com/webhooks/message-status",
            )
            made.id, made.private_key          # the key is given this once

    *auth* is a ``BasicAuth``, or an async function that returns one: this API takes no JWT. The options are those of
    ``AccountsClient``, and so are the errors and what is repeated. ``vonage-messages setup`` does this at the command
    line.

    Reference: Application API, OpenAPI 2.1.
    """

    @staticmethod
    def _auth_from(variables: Mapping[str, str]) -> ApplicationAuth | BasicAuth:
        return account_auth_from(variables)

    def _check_auth(self, auth: Auth) -> None:
        if not isinstance(auth, BasicAuth):
            raise ConfigurationError("the Applications API takes the API key and secret (BasicAuth), and no JWT.")

    async def list(self) -> AsyncIterator[Application]:
        """
        Go through all applications of the account, and fetch page after page as needed.

        Raises:
            UnexpectedResponseError: the list has no end.
            And what ``AccountsClient`` says of every method.
        """
        for number in range(1, MOST_PAGES + 1):
            page = await self._call("list_applications", wire.list_request(number), wire.read_page)
            for application in page.applications:
                yield application
            if page.is_last:
                return
        raise UnexpectedResponseError(f"the list of applications has no end after {MOST_PAGES:,} pages")

    async def get(self, application_id: str) -> Application:
        """Describe one application; its private key is not among what is told."""
        return await self._call("get_application", wire.get_request(application_id), wire.read_application)

    async def create(
        self,
        name: str,
        *,
        inbound_url: str,
        status_url: str,
        webhook_version: str = "v1",
        public_key: str | None = None,
    ) -> Application:
        """
        Make an application with the Messages capability.

        Without a *public_key* (PEM text) the platform makes the keys: the private one is in the answer, and nowhere
        else. An answer that was lost is not asked for again.
        """
        request = wire.create_request(
            name,
            inbound_url=inbound_url,
            status_url=status_url,
            webhook_version=webhook_version,
            public_key=public_key,
        )
        return await self._call("create_application", request, wire.read_application)

    async def update(  # noqa: PLR0913  what may be changed, by name
        self,
        application: Application | str,
        *,
        name: str | None = None,
        inbound_url: str | None = None,
        status_url: str | None = None,
        webhook_version: str | None = None,
        public_key: str | None = None,
    ) -> Application:
        """
        Change an application, and give it the Messages capability where it lacks it; what is ``None`` stays.

        The API replaces the whole, so what the application has beside messages is sent along. For an id it is asked
        for first.
        """
        standing = await self.get(application) if isinstance(application, str) else application
        request = wire.update_request(
            standing,
            name=name,
            inbound_url=inbound_url,
            status_url=status_url,
            webhook_version=webhook_version,
            public_key=public_key,
        )
        return await self._call("update_application", request, wire.read_application)

    async def delete(self, application_id: str) -> None:
        """Delete an application. This cannot be undone."""
        await self._call("delete_application", wire.delete_request(application_id), read_nothing, done=GONE)
