"""
You will see: the ids of two Viber messages: a text with a button that opens a page, and a picture.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), VIBER_SENDER_ID,
MESSAGES_TO_NUMBER; VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import os

from vonage_messages import Client, ViberAction, ViberImage, ViberText, ViberTextOptions


async def main() -> None:
    """Send a text and a picture."""
    to, sender = os.environ["MESSAGES_TO_NUMBER"], os.environ["VIBER_SENDER_ID"]
    button = ViberAction(url="https://example.com/track/AB123", text="Track it")
    text = ViberText(
        to=to,
        from_=sender,
        text="Your parcel has left.",
        viber_service=ViberTextOptions(category="transaction", ttl=600, action=button),
    )
    picture = ViberImage(to=to, from_=sender, image="https://example.com/parcel.jpg")
    async with Client.from_env() as client:
        for message in (text, picture):
            sent = await client.send(message)
            print(f"{message.message_type}: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
