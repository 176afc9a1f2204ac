"""
You will see: whether the person who was sent a code by SMS has answered with it.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY, VONAGE_SIGNATURE_SECRET (dashboard, settings), SMS_NUMBER (it
takes answers), MESSAGES_TO_NUMBER; HOST and PORT, by default 127.0.0.1 and 8080; VONAGE_BASE_URL for a local
simulator. Both webhook URLs of your application lead to https://your-host/webhooks.
"""

import asyncio
import hmac
import os
import secrets
import sys

from aiohttp import web

from vonage_messages import Client, NotDeliveredError, Sms, Tracker, WaitTimeoutError
from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.webhooks import Router, SignatureVerifier, Text


async def main() -> None:
    """Send a code, wait for the answer, compare."""
    router = Router()
    tracker = Tracker(router)
    verifier = SignatureVerifier(os.environ["VONAGE_SIGNATURE_SECRET"])
    application = web.Application()
    add_webhooks(application, router, verifier=verifier, inbound_path="/webhooks", status_path="/webhooks")
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))
        await web.TCPSite(runner, host, port).start()
        code = f"{secrets.randbelow(10**6):06}"
        to, sender = os.environ["MESSAGES_TO_NUMBER"], os.environ["SMS_NUMBER"]
        async with Client.from_env() as client:
            sent = await client.send(Sms(to=to, from_=sender, text=f"Answer with {code} to sign in."))
            await tracker.wait_for(sent, "submitted", timeout=60)
            reply = await tracker.wait_for_reply(sent, timeout=300)
        answer = reply.content.text.strip() if isinstance(reply.content, Text) else ""
        right = hmac.compare_digest(answer.encode(errors="replace"), code.encode())
        print("The code is right." if right else "That is not the code.", flush=True)
    except (NotDeliveredError, WaitTimeoutError) as error:
        sys.exit(f"No answer: {error}")
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
