"""
You will see: when a Viber message was read, and what the person wrote to it; they get an answer on Viber.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY, VONAGE_SIGNATURE_SECRET (dashboard, settings),
VIBER_SENDER_ID, MESSAGES_TO_NUMBER; HOST and PORT, by default 127.0.0.1 and 8080; VONAGE_BASE_URL for a local
simulator. Webhook URLs: https://your-host/webhooks/inbound-message and https://your-host/webhooks/message-status.
"""

import asyncio
import os
import sys

from aiohttp import web

from vonage_messages import Client, NotDeliveredError, Tracker, ViberText, WaitTimeoutError
from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.webhooks import Router, SignatureVerifier, Text


async def main() -> None:
    """Listen, send a text with a button, and answer what is written to it."""
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
            # 2. A message about something that the person ordered, for ten minutes, with a button under it.
            text = ViberText(
                to=os.environ["MESSAGES_TO_NUMBER"],
                from_=os.environ["VIBER_SENDER_ID"],
                text="Your parcel has left.",
                viber_service={
                    "category": "transaction",
                    "ttl": 600,
                    "action": {"url": "https://example.com/track/AB123", "text": "Track it"},
                },
            )
            sent = await client.send(text)

            # 3. Viber tells when it was read.
            status = await tracker.wait_for(sent, "read", timeout=600)
            print(f"Read at {status.timestamp}", flush=True)

            # 4. What they write, and your answer.
            reply = await tracker.wait_for_reply(sent, timeout=300)
            print(f"They wrote: {reply.content.text if isinstance(reply.content, Text) else reply.message_type}")
            await client.reply(reply, "Thank you, we pass it on to the driver.")
    except (NotDeliveredError, WaitTimeoutError) as error:
        sys.exit(f"No answer: {error}")
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
