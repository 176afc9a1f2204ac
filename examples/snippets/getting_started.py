"""
You will see: the ids of an SMS that was sent twice, over version 0.1 of the API and over v1, with key and secret.

Environment: VONAGE_API_KEY, VONAGE_API_SECRET, FROM_NUMBER (a number of yours, or a text), TO_NUMBER; VONAGE_BASE_URL
for a local simulator.
"""

import asyncio
import os

from vonage_messages import BasicAuth, Client, Sms


async def main() -> None:
    """Send the same message by both versions: only where it goes, and in which form, is different."""
    auth = BasicAuth(api_key=os.environ["VONAGE_API_KEY"], api_secret=os.environ["VONAGE_API_SECRET"])
    message = Sms(
        to=os.environ["TO_NUMBER"],
        from_=os.environ["FROM_NUMBER"],
        text="This is an SMS sent from the Messages API",
    )
    async with Client(auth, base_url=os.environ.get("VONAGE_BASE_URL")) as client:
        for version in ("v0.1", "v1"):
            sent = await client.send(message, api_version=version)
            print(f"{version}: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
