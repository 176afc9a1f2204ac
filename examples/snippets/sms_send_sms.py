"""
You will see: the id of an SMS that the platform has accepted.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), SMS_SENDER_ID,
MESSAGES_TO_NUMBER; VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import os

from vonage_messages import Client, Sms


async def main() -> None:
    """Send an SMS."""
    message = Sms(
        to=os.environ["MESSAGES_TO_NUMBER"],
        from_=os.environ["SMS_SENDER_ID"],
        text="Your parcel is at the door.",
    )
    async with Client.from_env() as client:
        sent = await client.send(message)
        print(f"Accepted: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
