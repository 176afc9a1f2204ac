"""
You will see: a line when somebody opts out or in again, and one when a message was not sent because of that.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY, VONAGE_SIGNATURE_SECRET (dashboard, settings); HOST and PORT,
by default 127.0.0.1 and 8080; OPT_OUTS, the file of those who opted out, by default opt-outs.txt; VONAGE_BASE_URL for a
local simulator. The inbound URL of your application is https://your-host/webhooks/inbound-message.
"""

import os

from aiohttp import web

from vonage_messages import Client, OptedOutError, OptOutFile, OptOuts, Wish, wish_of
from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.webhooks import InboundMessage, Router, SignatureVerifier

FAREWELL = "You will get no more messages from us. Write START if you change your mind."


async def main() -> web.Application:
    """Build the application: a list that hears STOP, a client that asks it, and two handlers."""
    router = Router()
    store = OptOutFile(os.environ.get("OPT_OUTS", "opt-outs.txt"))
    opt_outs = OptOuts(router, store=store, exempt=lambda message: getattr(message, "text", "") == FAREWELL)
    client = Client.from_env(guards=[opt_outs])

    @router.inbound(where=wish_of)
    async def confirm(event: InboundMessage) -> None:
        is_out = wish_of(event) is Wish.OPT_OUT
        await client.reply(event, FAREWELL if is_out else "Welcome back.")
        print(f"Somebody has opted {'out' if is_out else 'in'}: {len(opt_outs)} on the list", flush=True)

    @router.inbound(where=lambda event: wish_of(event) is None)
    async def answer(event: InboundMessage) -> None:
        try:
            await client.reply(event, "Thank you, we will look into it.")
        except OptedOutError as error:
            print(f"Not sent: {error}", flush=True)

    application = web.Application()
    application.cleanup_ctx.append(client.cleanup_ctx)
    add_webhooks(application, router, verifier=SignatureVerifier(os.environ["VONAGE_SIGNATURE_SECRET"]))
    return application


if __name__ == "__main__":
    web.run_app(main(), host=os.environ.get("HOST", "127.0.0.1"), port=int(os.environ.get("PORT", "8080")))
