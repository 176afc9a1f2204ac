"""
You will see: the id of a WhatsApp template whose button opens a page made for this person.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), WHATSAPP_SENDER_ID,
MESSAGES_TO_NUMBER, WHATSAPP_TEMPLATE_NAME; VONAGE_BASE_URL for a local simulator.

Inside the 24 hours after the person's last message, WhatsappInteractiveCtaUrl does the same without a template.
"""

import asyncio
import os

from vonage_messages import Client, WhatsappCustom, WhatsappTemplateComponents, WhatsappTemplateLink


async def main() -> None:
    """Send a template with a link."""
    template = WhatsappTemplateComponents(
        name=os.environ["WHATSAPP_TEMPLATE_NAME"],
        language="en_GB",
        body=["Ada"],
        buttons=[WhatsappTemplateLink(index=0, text="AB123")],  # completes the address that the template has
    )
    message = WhatsappCustom(
        to=os.environ["MESSAGES_TO_NUMBER"], from_=os.environ["WHATSAPP_SENDER_ID"], custom=template
    )
    async with Client.from_env() as client:
        sent = await client.send(message)
        print(f"Accepted: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
