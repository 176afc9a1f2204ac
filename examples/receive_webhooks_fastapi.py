"""
You will see: a line for every message and every status that reaches this FastAPI service, and none for a forged one.

Environment: VONAGE_SIGNATURE_SECRET (dashboard, settings); HOST and PORT, by default 127.0.0.1 and 8080. Needs
fastapi and uvicorn. The webhook URLs end in /webhooks/inbound-message and /webhooks/message-status.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from vonage_messages.adapters.asgi import webhook_application
from vonage_messages.webhooks import InboundMessage, MessageStatus, Router, SignatureVerifier


async def main() -> None:
    """Build the application and serve it until it is stopped."""
    router = Router()

    @router.inbound()
    async def on_message(event: InboundMessage) -> None:
        print(f"{event.channel} {event.message_type} {event.message_uuid}", flush=True)

    @router.status()
    async def on_status(event: MessageStatus) -> None:
        print(f"{event.channel} message {event.message_uuid} is {event.status}", flush=True)

    webhooks = webhook_application(router, verifier=SignatureVerifier(os.environ["VONAGE_SIGNATURE_SECRET"]))

    @asynccontextmanager
    async def lifespan(_application: FastAPI) -> AsyncIterator[None]:
        yield
        await webhooks.close()

    application = FastAPI(lifespan=lifespan)
    application.mount("/", webhooks)
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))
    await uvicorn.Server(uvicorn.Config(application, host=host, port=port, log_level="warning")).serve()


if __name__ == "__main__":
    asyncio.run(main())
