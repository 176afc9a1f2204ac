"""
You will see: which message arrived. RCS is sent first; when that is refused, or not there within a minute, an SMS.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY, VONAGE_SIGNATURE_SECRET (dashboard, settings), RCS_SENDER_ID,
SMS_SENDER_ID, MESSAGES_TO_NUMBER; HOST and PORT, by default 127.0.0.1 and 8080; VONAGE_BASE_URL for a local simulator.
The status URL of your application is https://your-host/webhooks/message-status.
"""

import asyncio
import os
import sys

from aiohttp import web

from vonage_messages import Client, Failover, RcsText, ReferenceTracker, Sms, VonageMessagesError
from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.webhooks import Router, SignatureVerifier


async def main() -> None:
    """Listen for statuses, and send until one message has arrived."""
    to, text = os.environ["MESSAGES_TO_NUMBER"], "Your parcel is at the door."
    # A reference of its own tells what became of a message, even if the answer to its sending is lost.
    rcs = RcsText(to=to, from_=os.environ["RCS_SENDER_ID"], text=text, client_ref="parcel-1-rcs")
    sms = Sms(to=to, from_=os.environ["SMS_SENDER_ID"], text=text, client_ref="parcel-1-sms")
    policy = Failover([rcs, sms], after=60, revoke=True)

    router = Router()
    tracker = ReferenceTracker(router)
    application = web.Application()
    add_webhooks(application, router, verifier=SignatureVerifier(os.environ["VONAGE_SIGNATURE_SECRET"]))
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))
        await web.TCPSite(runner, host, port).start()
        async with Client.from_env() as client:
            result = await policy.send(client, tracker)
    except VonageMessagesError as error:
        sys.exit(f"Broken off: {error}")
    finally:
        await runner.cleanup()

    for leg in result.legs:
        print(f"{leg.message.channel}: {'arrived' if leg.status else leg.error or 'no word of it'}")
    if not result.delivered:
        sys.exit("Nothing arrived.")


if __name__ == "__main__":
    asyncio.run(main())
