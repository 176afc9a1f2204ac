"""
You will see: one workflow id. The platform tries RCS; if that is rejected, WhatsApp; if that is too, an SMS.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), RCS_SENDER_ID,
WHATSAPP_SENDER_ID, SMS_SENDER_ID, MESSAGES_TO_NUMBER; VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import os

from vonage_messages import Client, RcsSuggestionReply, RcsText, Sms, WhatsappText


async def main() -> None:
    """Send one workflow of three messages."""
    to, text = os.environ["MESSAGES_TO_NUMBER"], "Your parcel is at the door. Shall we ring?"
    first = RcsText(
        to=to,
        from_=os.environ["RCS_SENDER_ID"],
        text=text,
        ttl=300,
        suggestions=[
            RcsSuggestionReply(text="Yes", postback_data="ring"),
            RcsSuggestionReply(text="No", postback_data="leave it"),
        ],
    )
    instead = [
        WhatsappText(to=to, from_=os.environ["WHATSAPP_SENDER_ID"], text=text),
        Sms(to=to, from_=os.environ["SMS_SENDER_ID"], text=text),
    ]
    async with Client.from_env() as client:
        sent = await client.send(first, failover=instead)
        print(f"Workflow {sent.workflow_id} begins with message {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
