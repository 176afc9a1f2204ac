"""
You will see: the ids of two Facebook messages: a text, and a question with a button to answer and one to call.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET),
MESSENGER_SENDER_ID (your page), MESSENGER_RECIPIENT_ID; VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import os

from vonage_messages import (
    Client,
    MessengerButtonTemplate,
    MessengerCallButton,
    MessengerCustom,
    MessengerOptions,
    MessengerPostbackButton,
    MessengerText,
)


async def main() -> None:
    """Send a text and a question."""
    to, sender = os.environ["MESSENGER_RECIPIENT_ID"], os.environ["MESSENGER_SENDER_ID"]
    # Outside the 24 hours after the person's last message, a tag says why you write.
    update = MessengerOptions(category="message_tag", tag="POST_PURCHASE_UPDATE")
    question = MessengerButtonTemplate(
        text="Shall we ring?",
        buttons=[
            MessengerPostbackButton(title="Yes", payload="ring"),
            MessengerCallButton(title="Call us", phone_number="+447700900001"),
        ],
    )
    messages = [
        MessengerText(to=to, from_=sender, text="Your parcel has left.", messenger=update),
        MessengerCustom(to=to, from_=sender, custom=question),
    ]
    async with Client.from_env() as client:
        for message in messages:
            sent = await client.send(message)
            print(f"{message.message_type}: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
