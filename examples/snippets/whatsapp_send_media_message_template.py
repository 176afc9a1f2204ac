"""
You will see: the id of a WhatsApp template with a picture over its text.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), WHATSAPP_SENDER_ID,
MESSAGES_TO_NUMBER, WHATSAPP_TEMPLATE_NAME; VONAGE_BASE_URL for a local simulator.

The template must be approved with a picture as its header; a video or a document goes in the same place.
"""

import asyncio
import os

from vonage_messages import Client, WhatsappCustom, WhatsappTemplateComponents, WhatsappTemplateHeader


async def main() -> None:
    """Send a template with a header."""
    template = WhatsappTemplateComponents(
        name=os.environ["WHATSAPP_TEMPLATE_NAME"],
        language="en_GB",
        header=WhatsappTemplateHeader(image="https://example.com/parcel.jpg"),
        body=["Ada", "AB123"],
    )
    message = WhatsappCustom(
        to=os.environ["MESSAGES_TO_NUMBER"], from_=os.environ["WHATSAPP_SENDER_ID"], custom=template
    )
    async with Client.from_env() as client:
        sent = await client.send(message)
        print(f"Accepted: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
