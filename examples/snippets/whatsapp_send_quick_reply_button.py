"""
You will see: the id of a WhatsApp template with two buttons to answer with.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), WHATSAPP_SENDER_ID,
MESSAGES_TO_NUMBER, WHATSAPP_TEMPLATE_NAME; VONAGE_BASE_URL for a local simulator.

A tap comes back to the inbound webhook as a button with its payload.
"""

import asyncio
import os

from vonage_messages import Client, WhatsappCustom, WhatsappTemplateComponents, WhatsappTemplateQuickReply


async def main() -> None:
    """Send a template with quick replies."""
    template = WhatsappTemplateComponents(
        name=os.environ["WHATSAPP_TEMPLATE_NAME"],
        language="en_GB",
        body=["Ada"],
        buttons=[
            WhatsappTemplateQuickReply(index=0, payload="ring"),
            WhatsappTemplateQuickReply(index=1, payload="leave it"),
        ],
    )
    message = WhatsappCustom(
        to=os.environ["MESSAGES_TO_NUMBER"], from_=os.environ["WHATSAPP_SENDER_ID"], custom=template
    )
    async with Client.from_env() as client:
        sent = await client.send(message)
        print(f"Accepted: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
