"""
You will see: the id of one SMS that the platform has accepted, or why it was not.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), SMS_SENDER_ID,
MESSAGES_TO_NUMBER; VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import os
import sys

from vonage_messages import Client, Sms, VonageMessagesError


async def main() -> None:
    """Send one SMS."""
    async with Client.from_env() as client:
        try:
            sent = await client.send(
                Sms(
                    to=os.environ["MESSAGES_TO_NUMBER"],
                    from_=os.environ["SMS_SENDER_ID"],
                    text="Your parcel is at the door.",
                    client_ref="parcel-1",
                )
            )
        except VonageMessagesError as error:
            sys.exit(f"{'Perhaps sent' if error.maybe_sent else 'Not sent'}: {error}")
        print(f"Accepted: {sent.message_uuid} ({sent.client_ref})")


if __name__ == "__main__":
    asyncio.run(main())
