"""
``AccountsClient``: the External Accounts API. Which accounts there are, and which application each belongs to.

Reference: External Accounts, sections 1 to 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vonage_messages.clients.management import GONE, ManagementClient, read_nothing
from vonage_messages.errors import NotFoundError, UnexpectedResponseError
from vonage_messages.values import hidden
from vonage_messages.wire import accounts as wire
from vonage_messages.wire.accounts import MOST_PAGES, ExternalAccount, Provider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

_NOT_LINKED: Final = frozenset({404, 409})


class AccountsClient(ManagementClient):
    """
    A client of the External Accounts API (beta): the senders on Messenger, Viber, WhatsApp and RCS.

    ::

        async with AccountsClient(auth) as accounts:
            async for account in accounts.list():
                print(account.provider, account.external_id, account.applications)
            await accounts.link("whatsapp", "447700900001", application_id)

    *auth* is an ``ApplicationAuth`` or a ``BasicAuth``, or an async function that returns one; the options are those of
    ``Client`` (*base_url*, *session*, *timeout*, *retry*, *observers*, *proxy*, *ssl_context*, *trust_env*,
    *app_name*). It may be used from several loops, as ``Client`` may.

    Every method raises ``InvalidMessageError`` for arguments that cannot be right (nothing is asked then), ``APIError``
    where the platform refuses (403: the application is not known or not one for messages; 404: there is no such
    account; 409: it is linked to another application, or not linked), ``TransportError`` where there is no answer, and
    ``UnexpectedResponseError`` for an answer that the reference does not describe. Whatever is no ``POST`` is repeated
    also where its answer was lost.

    Reference: External Accounts, sections 1 to 5.
    """

    async def list(
        self, *, provider: str | None = None, page_size: int | None = None
    ) -> AsyncIterator[ExternalAccount]:
        """
        Go through all accounts, those of one *provider* if it is given, and fetch page after page as needed.

        *page_size* is 1 to 1000; the platform's own is 20.

        Raises:
            UnexpectedResponseError: a page leads back to an earlier one, or the list has no end.
            And what the class says of every method.
        """
        request = wire.list_request(provider=provider, page_size=page_size)
        asked = {request.query}
        for _ in range(MOST_PAGES):
            page = await self._call("list_accounts", request, wire.read_page)
            for account in page.accounts:
                yield account
            if page.next_query is None:
                return
            request = wire.list_request(provider=provider, page_size=page_size, query=page.next_query)
            if request.query in asked:
                raise UnexpectedResponseError("the list of external accounts leads back to a page that it began with")
            asked.add(request.query)
        raise UnexpectedResponseError(f"the list of external accounts has no end after {MOST_PAGES:,} pages")

    async def get(self, provider: str, external_id: str) -> ExternalAccount:
        """
        Describe one account. For RCS the API has no such call: its accounts are looked up in the list.

        Raises:
            NotFoundError: there is no such account.
            And what the class says of every method.
        """
        request = wire.get_request(provider, external_id)
        if wire.checked_provider(provider) != Provider.RCS:
            return await self._call("get_account", request, wire.read_account)
        async for account in self.list(provider=Provider.RCS):
            if account.external_id == external_id:
                return account
        raise NotFoundError(404, title="Not Found", detail="No RCS account in the list has this id")

    async def create_messenger(
        self, external_id: str, access_token: str, *, name: str | None = None, applications: Sequence[str] = ()
    ) -> ExternalAccount:
        """
        Add a page of Messenger: its id, and its access token. *applications* links it, to one at most.

        An answer that was lost is not asked for again: look whether the page is there (``get``) before you repeat it.
        """
        access_token = hidden(access_token)  # error reports show the local variables of frames
        request = wire.create_messenger_request(external_id, access_token, name=name, applications=applications)
        return await self._call("create_account", request, wire.read_account)

    async def update_messenger(
        self,
        external_id: str,
        *,
        name: str | None = None,
        access_token: str | None = None,
        applications: Sequence[str] | None = None,
    ) -> ExternalAccount:
        """Change a page of Messenger. What is ``None`` stays as it is; ``applications=[]`` unlinks the page."""
        access_token = hidden(access_token)  # error reports show the local variables of frames
        request = wire.update_messenger_request(
            external_id, name=name, access_token=access_token, applications=applications
        )
        return await self._call("update_account", request, wire.read_account)

    async def delete_messenger(self, external_id: str) -> None:
        """Take a page of Messenger away."""
        await self._call("delete_account", wire.delete_messenger_request(external_id), read_nothing, done=GONE)

    async def link(self, provider: str, external_id: str, application_id: str) -> ExternalAccount:
        """Link an account to an application: what people write to it goes to the application's inbound URL."""
        request = wire.link_request(provider, external_id, application_id)
        return await self._call("link_account", request, wire.read_account)

    async def unlink(self, provider: str, external_id: str, application_id: str) -> None:
        """Take the link between an account and an application away."""
        request = wire.unlink_request(provider, external_id, application_id)
        await self._call("unlink_account", request, read_nothing, done=_NOT_LINKED)
