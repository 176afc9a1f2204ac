"""
You will see: a line for every text that somebody writes, after it was marked as read and sent back to them.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY, VONAGE_SIGNATURE_SECRET (dashboard, settings); HOST and PORT,
by default 127.0.0.1 and 8080; VONAGE_BASE_URL for a local simulator. The inbound URL of your application is
https://your-host/webhooks/inbound-message.
"""

import os

from aiohttp import web

from vonage_messages import Client
from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.webhooks import InboundMessage, Router, SignatureVerifier, Text

CAN_BE_MARKED = ("whatsapp", "rcs")


async def main() -> web.Application:
    """Build the application: a client, one handler, and the routes."""
    client = Client.from_env()
    router = Router()

    @router.inbound(message_type="text")
    async def echo(event: InboundMessage) -> None:
        if not isinstance(event.content, Text):
            return
        if event.channel in CAN_BE_MARKED:
            await client.mark_read(event)
        sent = await client.reply(event, f"You wrote: {event.content.text}")
        print(f"Answered {event.message_uuid} on {event.channel} with {sent.message_uuid}", flush=True)

    application = web.Application()
    application.cleanup_ctx.append(client.cleanup_ctx)
    add_webhooks(application, router, verifier=SignatureVerifier(os.environ["VONAGE_SIGNATURE_SECRET"]))
    return application


if __name__ == "__main__":
    web.run_app(main(), host=os.environ.get("HOST", "127.0.0.1"), port=int(os.environ.get("PORT", "8080")))
