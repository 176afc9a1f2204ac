"""
You will see: that a builder and a plain dictionary ask for the same, and the id of each message.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), WHATSAPP_SENDER_ID,
MESSAGES_TO_NUMBER, MESSENGER_SENDER_ID, MESSENGER_RECIPIENT_ID; VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import os

from vonage_messages import Client, MessengerCustom, WhatsappCustom, WhatsappLocation, to_payload


async def main() -> None:
    """Send custom objects: what the provider takes, as the provider writes it."""
    to, sender = os.environ["MESSAGES_TO_NUMBER"], os.environ["WHATSAPP_SENDER_ID"]
    checked = WhatsappCustom(to=to, from_=sender, custom=WhatsappLocation(longitude=-0.1246, latitude=51.5007))
    # A dictionary goes out as it is: for what has no builder yet. A mistake in it is found by the provider only.
    place = {"type": "location", "location": {"longitude": -0.1246, "latitude": 51.5007}}
    plain = WhatsappCustom(to=to, from_=sender, custom=place)
    print(f"The same: {to_payload(checked) == to_payload(plain)}")

    question = {
        "text": "Shall we ring?",
        "quick_replies": [{"content_type": "text", "title": "Yes", "payload": "ring"}],
    }
    to, page = os.environ["MESSENGER_RECIPIENT_ID"], os.environ["MESSENGER_SENDER_ID"]
    async with Client.from_env() as client:
        for message in (plain, MessengerCustom(to=to, from_=page, custom=question)):
            sent = await client.send(message)
            print(f"{message.channel}: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
