"""What type checkers see of the clients of accounts and applications: read by mypy and pyright, never run."""

from __future__ import annotations

from typing import assert_type

from vonage_messages import AccountsClient, Application, ApplicationsClient, BasicAuth, ExternalAccount

auth = BasicAuth("abcd1234", "secret")


async def manage_accounts() -> None:
    async with AccountsClient(auth) as accounts:
        assert_type(accounts, AccountsClient)
        async for account in accounts.list(provider="whatsapp", page_size=50):
            assert_type(account, ExternalAccount)
            assert_type(account.applications, tuple[str, ...])
            assert_type(account.access_token, str | None)
        assert_type(await accounts.get("messenger", "1"), ExternalAccount)
        assert_type(await accounts.create_messenger("1", "token", applications=["id"]), ExternalAccount)
        assert_type(await accounts.link("rcs", "1", "id"), ExternalAccount)
        await accounts.get("messenger")  # type: ignore[call-arg]


async def manage_applications() -> None:
    async with ApplicationsClient.from_env() as applications:
        assert_type(applications, ApplicationsClient)
        made = await applications.create("Shop", inbound_url="https://a.example", status_url="https://b.example")
        assert_type(made, Application)
        assert_type(made.private_key, str | None)
        assert_type(await applications.update(made, name="Other"), Application)
        await applications.create("Shop")  # type: ignore[call-arg]
