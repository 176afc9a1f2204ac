"""
You will see: a question on its way by SMS, status by status, then the answer of the person; they get one more SMS.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY, VONAGE_SIGNATURE_SECRET (dashboard, settings), SMS_NUMBER (it
takes answers), MESSAGES_TO_NUMBER; HOST and PORT, by default 127.0.0.1 and 8080; VONAGE_BASE_URL for a local
simulator. Webhook URLs: https://your-host/webhooks/inbound-message and https://your-host/webhooks/message-status.
"""

import asyncio
import os
import sys

from aiohttp import web

from vonage_messages import Client, NotDeliveredError, Sms, Tracker, WaitTimeoutError
from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.webhooks import MessageStatus, Router, SignatureVerifier


async def main() -> None:
    """Listen, ask, follow the question, and answer the answer."""
    # 1. What the platform tells you: a handler for every status, and a tracker to wait for single ones.
    router = Router()
    tracker = Tracker(router)

    @router.status()
    async def on_status(event: MessageStatus) -> None:
        print(f"{event.message_uuid}: {event.status}", flush=True)

    # 2. The service that it calls. Only what is signed with your secret gets past the verifier.
    application = web.Application()
    add_webhooks(application, router, verifier=SignatureVerifier(os.environ["VONAGE_SIGNATURE_SECRET"]))
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))).start()
        async with Client.from_env() as client:
            # 3. Send, and wait until the phone has it.
            to, number = os.environ["MESSAGES_TO_NUMBER"], os.environ["SMS_NUMBER"]
            sent = await client.send(Sms(to=to, from_=number, text="May we deliver tomorrow? Answer YES or NO."))
            await tracker.wait_for(sent, "delivered", timeout=60)

            # 4. Wait for the answer; of an SMS the platform tells the first word, in capitals.
            reply = await tracker.wait_for_reply(sent, timeout=300)
            agreed = reply.sms is not None and reply.sms.keyword == "YES"
            print("They agree." if agreed else "They do not agree.", flush=True)

            # 5. Answer: to and from change places.
            await client.reply(reply, "See you tomorrow!" if agreed else "Then we wait to hear from you.")
    except (NotDeliveredError, WaitTimeoutError) as error:
        sys.exit(f"No answer: {error}")
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
