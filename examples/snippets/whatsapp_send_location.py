"""
You will see: the id of a WhatsApp message with a place on the map.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), WHATSAPP_SENDER_ID,
MESSAGES_TO_NUMBER; VONAGE_BASE_URL for a local simulator.

Outside the 24 hours after the person's last message WhatsApp delivers templates only.
"""

import asyncio
import os

from vonage_messages import Client, WhatsappCustom, WhatsappLocation


async def main() -> None:
    """Send a place."""
    place = WhatsappLocation(longitude=-0.1246, latitude=51.5007, name="Our shop", address="1 High Street, London")
    message = WhatsappCustom(to=os.environ["MESSAGES_TO_NUMBER"], from_=os.environ["WHATSAPP_SENDER_ID"], custom=place)
    async with Client.from_env() as client:
        sent = await client.send(message)
        print(f"Accepted: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
