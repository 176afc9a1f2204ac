"""
You will see: the id of a Viber picture with a caption and a button under it.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), VIBER_SENDER_ID,
MESSAGES_TO_NUMBER; VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import os

from vonage_messages import Client, ViberAction, ViberImage, ViberImageOptions, ViberImageResource


async def main() -> None:
    """Send a picture."""
    message = ViberImage(
        to=os.environ["MESSAGES_TO_NUMBER"],
        from_=os.environ["VIBER_SENDER_ID"],
        image=ViberImageResource(url="https://example.com/parcel.jpg", caption="Your parcel has left."),
        viber_service=ViberImageOptions(action=ViberAction(url="https://example.com/track/AB123", text="Track it")),
    )
    async with Client.from_env() as client:
        sent = await client.send(message)
        print(f"Accepted: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
