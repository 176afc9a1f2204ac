"""
You will see: the id of a WhatsApp text that went to the Sandbox, to somebody who has joined it; it costs nothing.

Environment: VONAGE_API_KEY and VONAGE_API_SECRET, WHATSAPP_SENDER_ID (the Sandbox's), MESSAGES_TO_NUMBER, LIMITS_FILE
(remembers what was sent this month); VONAGE_BASE_URL for a local simulator in the place of the Sandbox.
"""

import asyncio
import os

from vonage_messages import BasicAuth, Client, FileLimitStore, Limiter, Limits, WhatsappText


async def main() -> None:
    """Send a text at the pace of the Sandbox: one message a second, a hundred a month."""
    auth = BasicAuth(api_key=os.environ["VONAGE_API_KEY"], api_secret=os.environ["VONAGE_API_SECRET"])
    simulator = os.environ.get("VONAGE_BASE_URL")
    limits = Limiter(Limits.sandbox(), store=FileLimitStore(os.environ["LIMITS_FILE"]))
    async with Client(auth, base_url=simulator, sandbox=simulator is None, limits=limits) as client:
        sent = await client.send(
            WhatsappText(
                to=os.environ["MESSAGES_TO_NUMBER"],
                from_=os.environ["WHATSAPP_SENDER_ID"],
                text="Hello from the Sandbox",
            )
        )
        print(f"Accepted: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
