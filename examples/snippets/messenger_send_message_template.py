"""
You will see: the id of a Facebook message with a card: picture, title, buttons.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET),
MESSENGER_SENDER_ID, MESSENGER_RECIPIENT_ID; VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import os

from vonage_messages import (
    Client,
    MessengerCustom,
    MessengerElement,
    MessengerGenericTemplate,
    MessengerPostbackButton,
    MessengerUrlButton,
)


async def main() -> None:
    """Send a template of Messenger."""
    card = MessengerElement(
        title="Desk lamp",
        subtitle="Warm light, 49.90 EUR",
        image_url="https://example.com/lamp.jpg",
        buttons=[
            MessengerUrlButton(title="See it", url="https://example.com/lamp"),
            MessengerPostbackButton(title="Reserve it", payload="reserve lamp"),
        ],
    )
    message = MessengerCustom(
        to=os.environ["MESSENGER_RECIPIENT_ID"],
        from_=os.environ["MESSENGER_SENDER_ID"],
        custom=MessengerGenericTemplate(elements=[card]),
    )
    async with Client.from_env() as client:
        sent = await client.send(message)
        print(f"Accepted: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
