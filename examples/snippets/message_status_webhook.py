"""
You will see: a line for everything that becomes of a message; what it cost, or why it failed and what to do about it.

Environment: VONAGE_SIGNATURE_SECRET (dashboard, settings); HOST and PORT, by default 127.0.0.1 and 8080. The status
URL of your application is https://your-host/webhooks/message-status.
"""

import os

from aiohttp import web

from vonage_messages import codes
from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.webhooks import MessageStatus, Router, SignatureVerifier


async def main() -> web.Application:
    """Build the application: one handler for every status."""
    router = Router()

    @router.status()
    async def on_status(event: MessageStatus) -> None:
        print(f"{event.message_uuid} ({event.client_ref}): {event.status}", flush=True)
        if event.usage is not None:
            print(f"  it cost {event.usage.price} {event.usage.currency}", flush=True)
        known = codes.describe(event.error.code) if event.error else None
        if known is not None:
            print(f"  {known.code}: {known.meaning}; {known.advice}", flush=True)

    application = web.Application()
    add_webhooks(application, router, verifier=SignatureVerifier(os.environ["VONAGE_SIGNATURE_SECRET"]))
    return application


if __name__ == "__main__":
    web.run_app(main(), host=os.environ.get("HOST", "127.0.0.1"), port=int(os.environ.get("PORT", "8080")))
