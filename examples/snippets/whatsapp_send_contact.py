"""
You will see: the id of a WhatsApp message with a contact card.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), WHATSAPP_SENDER_ID,
MESSAGES_TO_NUMBER; VONAGE_BASE_URL for a local simulator.

Outside the 24 hours after the person's last message WhatsApp delivers templates only.
"""

import asyncio
import os

from vonage_messages import (
    Client,
    WhatsappContact,
    WhatsappContactName,
    WhatsappContactPhone,
    WhatsappContacts,
    WhatsappCustom,
)


async def main() -> None:
    """Send a contact."""
    contact = WhatsappContact(
        name=WhatsappContactName(formatted_name="Ada Lovelace", first_name="Ada", last_name="Lovelace"),
        phones=[WhatsappContactPhone(phone="+44 7700 900009", type_="WORK", wa_id="447700900009")],
    )
    message = WhatsappCustom(
        to=os.environ["MESSAGES_TO_NUMBER"],
        from_=os.environ["WHATSAPP_SENDER_ID"],
        custom=WhatsappContacts(contacts=[contact]),
    )
    async with Client.from_env() as client:
        sent = await client.send(message)
        print(f"Accepted: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
