"""
You will see: the id of an SMS; what becomes of it is told to the webhook that the message itself names.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), SMS_SENDER_ID,
MESSAGES_TO_NUMBER, STATUS_URL (such as https://your-host/webhooks/message-status); VONAGE_BASE_URL for a local
simulator.
"""

import asyncio
import os

from vonage_messages import Client, Sms


async def main() -> None:
    """Send an SMS with a webhook of its own, in the place of the application's."""
    message = Sms(
        to=os.environ["MESSAGES_TO_NUMBER"],
        from_=os.environ["SMS_SENDER_ID"],
        text="Your parcel is at the door.",
        webhook_url=os.environ["STATUS_URL"],
        webhook_version="v1",
        client_ref="parcel-1",
    )
    async with Client.from_env() as client:
        sent = await client.send(message)
        print(f"Accepted: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
