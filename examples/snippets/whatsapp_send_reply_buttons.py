"""
You will see: the id of a WhatsApp question with three buttons to answer with.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), WHATSAPP_SENDER_ID,
MESSAGES_TO_NUMBER; VONAGE_BASE_URL for a local simulator.

Outside the 24 hours after the person's last message WhatsApp delivers templates only.
A tap comes back to the inbound webhook as a reply with the id of the button.
"""

import asyncio
import os

from vonage_messages import Client, WhatsappCustom, WhatsappInteractiveButtons, WhatsappReplyButton


async def main() -> None:
    """Send a question with buttons."""
    question = WhatsappInteractiveButtons(
        body="Your parcel is at the door. Shall we ring?",
        footer="Acme",
        buttons=[
            WhatsappReplyButton(id="ring", title="Yes"),
            WhatsappReplyButton(id="leave", title="Leave it there"),
            WhatsappReplyButton(id="later", title="Come again"),
        ],
    )
    message = WhatsappCustom(
        to=os.environ["MESSAGES_TO_NUMBER"], from_=os.environ["WHATSAPP_SENDER_ID"], custom=question
    )
    async with Client.from_env() as client:
        sent = await client.send(message)
        print(f"Accepted: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
