"""
You will see: the ids of four WhatsApp messages: a text, a picture, a template, a question with buttons.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), WHATSAPP_SENDER_ID,
MESSAGES_TO_NUMBER, WHATSAPP_TEMPLATE_NAME; VONAGE_BASE_URL for a local simulator.

Outside the 24 hours after the person's last message only the template is delivered.
"""

import asyncio
import os

from vonage_messages import (
    Client,
    WhatsappCustom,
    WhatsappImage,
    WhatsappImageResource,
    WhatsappInteractiveButtons,
    WhatsappTemplate,
    WhatsappTemplateResource,
    WhatsappTemplateSettings,
    WhatsappText,
)


async def main() -> None:
    """Send four messages, one after another."""
    to, sender = os.environ["MESSAGES_TO_NUMBER"], os.environ["WHATSAPP_SENDER_ID"]
    picture = WhatsappImageResource(url="https://example.com/parcel.jpg", caption="Your parcel")
    template = WhatsappTemplateResource(name=os.environ["WHATSAPP_TEMPLATE_NAME"], parameters=["Ada", "AB123"])
    question = WhatsappInteractiveButtons(body="Shall we ring?", buttons=["Yes", "No"], footer="Acme")
    messages = [
        WhatsappText(to=to, from_=sender, text="Your parcel is at the door."),
        WhatsappImage(to=to, from_=sender, image=picture),
        WhatsappTemplate(to=to, from_=sender, template=template, whatsapp=WhatsappTemplateSettings(locale="en_GB")),
        WhatsappCustom(to=to, from_=sender, custom=question),
    ]
    async with Client.from_env() as client:
        for message in messages:
            sent = await client.send(message)
            print(f"{message.message_type}: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
