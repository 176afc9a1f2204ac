"""
You will see: who answered a WhatsApp template, and with what; they see blue ticks and "typing", then a free text.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY, VONAGE_SIGNATURE_SECRET (dashboard, settings),
WHATSAPP_SENDER_ID, WHATSAPP_TEMPLATE_NAME, MESSAGES_TO_NUMBER; HOST and PORT, by default 127.0.0.1 and 8080;
VONAGE_BASE_URL for a local simulator. Webhook URLs: https://your-host/webhooks/inbound-message and …/message-status.
"""

import asyncio
import os
import sys

from aiohttp import web

from vonage_messages import Client, NotDeliveredError, Tracker, WaitTimeoutError, WhatsappTemplate
from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.webhooks import Router, SignatureVerifier, Text


async def main() -> None:
    """Listen, open a conversation with a template, and go on in words of your own."""
    # 1. The service that the platform calls with statuses and with what people write.
    router = Router()
    tracker = Tracker(router)
    application = web.Application()
    add_webhooks(application, router, verifier=SignatureVerifier(os.environ["VONAGE_SIGNATURE_SECRET"]))
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))).start()
        async with Client.from_env() as client:
            # 2. Only a template may open a conversation.
            opening = WhatsappTemplate(
                to=os.environ["MESSAGES_TO_NUMBER"],
                from_=os.environ["WHATSAPP_SENDER_ID"],
                template={"name": os.environ["WHATSAPP_TEMPLATE_NAME"], "parameters": ["Ada", "AB123"]},
                whatsapp={"locale": "en_GB"},
            )
            sent = await client.send(opening)
            await tracker.wait_for(sent, "delivered", timeout=60)

            # 3. Their answer quotes what it answers, and opens 24 hours in which you may write what you like.
            reply = await tracker.wait_for_reply(sent, timeout=300)
            name = reply.profile.name if reply.profile else reply.from_
            print(f"{name} wrote: {reply.content.text if isinstance(reply.content, Text) else reply.message_type}")

            # 4. Blue ticks and "typing" first, then an answer that quotes theirs.
            await client.mark_read(reply, typing_indicator=True)
            await client.reply(reply, f"Thank you, {name}!")
    except (NotDeliveredError, WaitTimeoutError) as error:
        sys.exit(f"No answer: {error}")
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
