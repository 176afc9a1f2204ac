"""
You will see: whether your credentials are complete, and whether the platform takes them. Nothing is sent.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET); VONAGE_BASE_URL for
a local simulator.
"""

import asyncio
import sys

from vonage_messages import AccountsClient, AuthenticationError, Client, ConfigurationError, Sms


async def main() -> None:
    """Try what can be tried without sending."""
    try:
        client = Client.from_env()
        accounts = AccountsClient.from_env()
    except ConfigurationError as error:
        sys.exit(f"Not yet: {error}")
    async with client, accounts:
        message = Sms(to="447700900000", from_="Acme", text="Hello")
        trial = await client.send(message, dry_run=True)  # signs nothing, asks nobody
        print(f"A message would go to {trial.url}: {trial.body.decode()}")
        try:
            names = [account.external_id async for account in accounts.list()]
        except AuthenticationError as error:
            sys.exit(f"Not yet: {error}")
        print(f"The platform takes your credentials. You may send from: {', '.join(names) or 'numbers only'}")


if __name__ == "__main__":
    asyncio.run(main())
