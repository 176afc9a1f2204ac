"""
You will see: the id of a Facebook message that the platform has accepted.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET),
MESSENGER_SENDER_ID, MESSENGER_RECIPIENT_ID; VONAGE_BASE_URL for a local simulator.

MESSENGER_SENDER_ID is your page; the recipient's id comes with the first message that they write to it.
"""

import asyncio
import os

from vonage_messages import Client, MessengerText


async def main() -> None:
    """Send a text."""
    message = MessengerText(
        to=os.environ["MESSENGER_RECIPIENT_ID"],
        from_=os.environ["MESSENGER_SENDER_ID"],
        text="Your parcel is at the door.",
    )
    async with Client.from_env() as client:
        sent = await client.send(message)
        print(f"Accepted: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
