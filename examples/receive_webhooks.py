"""
You will see: a line for every message and every status that reaches this service, and none for a forged one.

Environment: VONAGE_SIGNATURE_SECRET (dashboard, settings); HOST and PORT, by default 127.0.0.1 and 8080. Set the
webhook URLs of your application to https://your-host/webhooks/inbound-message and …/webhooks/message-status.
"""

import logging
import os

from aiohttp import web

from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.webhooks import InboundMessage, MessageStatus, Router, SignatureVerifier


async def main() -> web.Application:
    """Build the application: handlers, and the routes that call them."""
    router = Router()

    @router.inbound(message_type="text")
    async def on_text(event: InboundMessage) -> None:
        print(f"{event.channel} message {event.message_uuid}: {event.content.text}", flush=True)

    @router.status("rejected", "undeliverable")
    async def on_failure(event: MessageStatus) -> None:
        print(f"{event.channel} message {event.message_uuid} failed: {event.error}", flush=True)

    @router.otherwise()
    async def on_anything_else(event: InboundMessage | MessageStatus) -> None:
        print(f"{event.channel} {type(event).__name__} {event.message_uuid}", flush=True)

    application = web.Application()
    add_webhooks(application, router, verifier=SignatureVerifier(os.environ["VONAGE_SIGNATURE_SECRET"]))
    return application


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    web.run_app(main(), host=os.environ.get("HOST", "127.0.0.1"), port=int(os.environ.get("PORT", "8080")))
