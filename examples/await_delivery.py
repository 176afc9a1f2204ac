"""
You will see: what becomes of one SMS, line by line, until it is delivered; or why it is not.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY, VONAGE_SIGNATURE_SECRET (dashboard, settings), SMS_SENDER_ID,
MESSAGES_TO_NUMBER; HOST and PORT, by default 127.0.0.1 and 8080; VONAGE_BASE_URL for a local simulator. The status URL
of your application is https://your-host/webhooks/message-status.
"""

import asyncio
import os
import sys

from aiohttp import web

from vonage_messages import Client, NotDeliveredError, Sms, Tracker, WaitTimeoutError
from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.webhooks import MessageStatus, Router, SignatureVerifier


async def main() -> None:
    """Listen for statuses, send one message, and wait for its delivery."""
    router = Router()
    tracker = Tracker(router)

    @router.status()
    async def on_status(event: MessageStatus) -> None:
        print(f"{event.message_uuid}: {event.status}", flush=True)

    application = web.Application()
    add_webhooks(application, router, verifier=SignatureVerifier(os.environ["VONAGE_SIGNATURE_SECRET"]))
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))
        await web.TCPSite(runner, host, port).start()
        to, sender = os.environ["MESSAGES_TO_NUMBER"], os.environ["SMS_SENDER_ID"]
        async with Client.from_env() as client:
            sent = await client.send(Sms(to=to, from_=sender, text="Your parcel is at the door."))
        status = await tracker.wait_for(sent, "delivered", timeout=60)
        print(f"It arrived at {status.timestamp}")
    except (NotDeliveredError, WaitTimeoutError) as error:
        sys.exit(f"Not delivered: {error}")
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
