"""
You will see: the id of a WhatsApp template (MTM) that was filled with two values.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), WHATSAPP_SENDER_ID,
MESSAGES_TO_NUMBER, WHATSAPP_TEMPLATE_NAME; VONAGE_BASE_URL for a local simulator.

The template must be approved, and have as many places as there are values here. It may open a conversation.
"""

import asyncio
import os

from vonage_messages import Client, WhatsappTemplate, WhatsappTemplateResource, WhatsappTemplateSettings


async def main() -> None:
    """Send a template by its name."""
    message = WhatsappTemplate(
        to=os.environ["MESSAGES_TO_NUMBER"],
        from_=os.environ["WHATSAPP_SENDER_ID"],
        template=WhatsappTemplateResource(name=os.environ["WHATSAPP_TEMPLATE_NAME"], parameters=["Ada", "AB123"]),
        whatsapp=WhatsappTemplateSettings(locale="en_GB"),
    )
    async with Client.from_env() as client:
        sent = await client.send(message)
        print(f"Accepted: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
