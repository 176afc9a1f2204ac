"""
You will see: what somebody writes to your Facebook page, when your answer was read, and what they say to it.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY, VONAGE_SIGNATURE_SECRET (dashboard, settings); HOST and PORT,
by default 127.0.0.1 and 8080; VONAGE_BASE_URL for a local simulator. Webhook URLs:
https://your-host/webhooks/inbound-message and https://your-host/webhooks/message-status.
"""

import asyncio
import os
import sys

from aiohttp import web

from vonage_messages import Client, MessengerText, NotDeliveredError, Tracker, WaitTimeoutError
from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.webhooks import InboundMessage, Router, SignatureVerifier, Text


async def main() -> None:
    """Wait for the first message, answer it, and follow the answer."""
    # 1. On Messenger people begin. Their first message tells the id that they have for your page, and your page's.
    written: asyncio.Queue[InboundMessage] = asyncio.Queue()
    router = Router()
    tracker = Tracker(router)

    @router.inbound(channel="messenger", message_type="text")
    async def on_text(event: InboundMessage) -> None:
        print(f"{event.from_} wrote: {event.content.text if isinstance(event.content, Text) else ''}", flush=True)
        written.put_nowait(event)

    # 2. The service that the platform calls with statuses and with what people write.
    application = web.Application()
    add_webhooks(application, router, verifier=SignatureVerifier(os.environ["VONAGE_SIGNATURE_SECRET"]))
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))).start()
        async with Client.from_env() as client:
            # 3. Answer, and wait until they have read it.
            first = await written.get()
            sent = await client.send(MessengerText(to=first.from_, from_=first.to, text="Hello! How can we help?"))
            status = await tracker.wait_for(sent, "read", timeout=600)
            print(f"Our answer is {status.status}.", flush=True)

            # 4. For 24 hours after what they write you may answer what you like; later only with a message tag.
            reply = await tracker.wait_for_reply(sent, timeout=300)
            await client.reply(reply, "Thank you, we look into it.")
    except (NotDeliveredError, WaitTimeoutError) as error:
        sys.exit(f"No answer: {error}")
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
