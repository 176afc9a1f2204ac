"""
You will see: the id of a Facebook message with a picture.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET),
MESSENGER_SENDER_ID, MESSENGER_RECIPIENT_ID; VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import os

from vonage_messages import Client, MessengerImage


async def main() -> None:
    """Send a picture."""
    message = MessengerImage(
        to=os.environ["MESSENGER_RECIPIENT_ID"],
        from_=os.environ["MESSENGER_SENDER_ID"],
        image="https://example.com/parcel.jpg",
    )
    async with Client.from_env() as client:
        sent = await client.send(message)
        print(f"Accepted: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
