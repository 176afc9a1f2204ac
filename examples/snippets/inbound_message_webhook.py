"""
You will see: a line for every message that somebody writes: who, on which channel, what, and which message it answers.

Environment: VONAGE_SIGNATURE_SECRET (dashboard, settings); HOST and PORT, by default 127.0.0.1 and 8080. The inbound
URL of your application is https://your-host/webhooks/inbound-message.
"""

import os

from aiohttp import web

from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.webhooks import InboundMessage, Location, Reply, Router, SignatureVerifier, Text


async def main() -> web.Application:
    """Build the application: one handler for every message that comes in."""
    router = Router()

    @router.inbound()
    async def on_message(event: InboundMessage) -> None:
        who = event.profile.name if event.profile else event.from_
        match event.content:
            case Text(text=text):
                what = text
            case Reply(id=chosen, title=title):
                what = f"{title} (chosen: {chosen})"
            case Location(lat=latitude, long=longitude):
                what = f"{latitude}, {longitude}"
            case other:
                what = type(other).__name__
        print(f"{event.channel} {event.message_type} of {who}: {what}", flush=True)
        if event.context is not None:
            print(f"  in answer to {event.context.message_uuid}", flush=True)
        if event.provider_message is not None:
            print(f"  WhatsApp says: {event.provider_message}", flush=True)

    application = web.Application()
    add_webhooks(application, router, verifier=SignatureVerifier(os.environ["VONAGE_SIGNATURE_SECRET"]))
    return application


if __name__ == "__main__":
    web.run_app(main(), host=os.environ.get("HOST", "127.0.0.1"), port=int(os.environ.get("PORT", "8080")))
