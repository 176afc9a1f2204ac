"""
You will see: a line for every question to your Facebook page; who asks for a product gets its card, others a list.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY, VONAGE_SIGNATURE_SECRET (dashboard, settings); HOST and PORT,
by default 127.0.0.1 and 8080; VONAGE_BASE_URL for a local simulator. The inbound URL of your application is
https://your-host/webhooks/inbound-message.
"""

import os

from aiohttp import web

from vonage_messages import Client, MessengerCustom, MessengerElement, MessengerGenericTemplate, MessengerUrlButton
from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.webhooks import InboundMessage, Router, SignatureVerifier, Text

SHOP = "https://example.com"
PRODUCTS = {"lamp": "Warm light, 49.90 EUR", "chair": "Oak, 129 EUR", "desk": "Ash, 320 EUR, in stock from Monday"}


def card(product: str) -> MessengerElement:
    """Show a product: picture, what there is to know, and a button that leads to its page."""
    return MessengerElement(
        title=product.title(),
        subtitle=PRODUCTS[product],
        image_url=f"{SHOP}/{product}.jpg",
        buttons=[MessengerUrlButton(title="Buy it", url=f"{SHOP}/{product}")],
    )


async def main() -> web.Application:
    """Build the application: a client, one handler, and the routes."""
    client = Client.from_env()
    router = Router()

    @router.inbound(channel="messenger")
    async def on_question(event: InboundMessage) -> None:
        question = event.content.text.casefold() if isinstance(event.content, Text) else ""
        cards = [card(product) for product in PRODUCTS if product in question]
        if cards:  # side by side
            custom = MessengerGenericTemplate(elements=cards)
            sent = await client.send(MessengerCustom(to=event.from_, from_=event.to, custom=custom))
        else:
            sent = await client.reply(event, f"Ask me about: {', '.join(PRODUCTS)}.")
        print(f"{event.from_} got {len(cards) or 'no'} card(s): {sent.message_uuid}", flush=True)

    application = web.Application()
    application.cleanup_ctx.append(client.cleanup_ctx)
    add_webhooks(application, router, verifier=SignatureVerifier(os.environ["VONAGE_SIGNATURE_SECRET"]))
    return application


if __name__ == "__main__":
    web.run_app(main(), host=os.environ.get("HOST", "127.0.0.1"), port=int(os.environ.get("PORT", "8080")))
