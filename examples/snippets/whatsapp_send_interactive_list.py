"""
You will see: the id of a WhatsApp message with a list to choose from.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), WHATSAPP_SENDER_ID,
MESSAGES_TO_NUMBER; VONAGE_BASE_URL for a local simulator.

Outside the 24 hours after the person's last message WhatsApp delivers templates only.
The row that is chosen comes back to the inbound webhook as a reply with its id.
"""

import asyncio
import os

from vonage_messages import Client, WhatsappCustom, WhatsappInteractiveList, WhatsappListRow, WhatsappListSection


async def main() -> None:
    """Send a list."""
    question = WhatsappInteractiveList(
        header="Your delivery",
        body="When shall we come?",
        button="Choose",
        sections=[
            WhatsappListSection(
                title="Tomorrow",
                rows=[WhatsappListRow(id="1-am", title="Morning"), WhatsappListRow(id="1-pm", title="Afternoon")],
            ),
            WhatsappListSection(
                title="The day after",
                rows=[WhatsappListRow(id="2-am", title="Morning", description="Between eight and twelve")],
            ),
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
