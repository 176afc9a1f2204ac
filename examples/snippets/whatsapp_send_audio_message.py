"""
You will see: the id of a WhatsApp message with a sound.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), WHATSAPP_SENDER_ID,
MESSAGES_TO_NUMBER; VONAGE_BASE_URL for a local simulator.

Outside the 24 hours after the person's last message WhatsApp delivers templates only.
"""

import asyncio
import os

from vonage_messages import Client, WhatsappAudio


async def main() -> None:
    """Send a sound."""
    message = WhatsappAudio(
        to=os.environ["MESSAGES_TO_NUMBER"],
        from_=os.environ["WHATSAPP_SENDER_ID"],
        audio="https://example.com/bell.mp3",
    )
    async with Client.from_env() as client:
        sent = await client.send(message)
        print(f"Accepted: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
