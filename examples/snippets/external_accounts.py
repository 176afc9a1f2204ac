"""
You will see: the accounts on Messenger, Viber, WhatsApp and RCS that you can send from, now linked to your application.

Environment: VONAGE_APPLICATION_ID, and VONAGE_PRIVATE_KEY or VONAGE_API_KEY and VONAGE_API_SECRET; VONAGE_BASE_URL for
a local simulator.
"""

import asyncio
import os

from vonage_messages import AccountsClient, APIError


async def main() -> None:
    """Go through all accounts, and link those that are linked to nothing yet."""
    application = os.environ["VONAGE_APPLICATION_ID"]
    async with AccountsClient.from_env() as client:
        async for account in client.list():
            if application in account.applications:
                print(f"{account.provider} {account.external_id}: linked")
                continue
            try:
                await client.link(account.provider, account.external_id, application)
            except APIError as error:  # it is linked to another application, say: an account has one
                print(f"{account.provider} {account.external_id}: {error.title}")
            else:
                print(f"{account.provider} {account.external_id}: linked now")


if __name__ == "__main__":
    asyncio.run(main())
