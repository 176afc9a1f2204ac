"""
You will see: the id of a Viber template, which only version 0.1 of the API can send.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), VIBER_SENDER_ID,
MESSAGES_TO_NUMBER, VIBER_TEMPLATE_NAME; VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import os

from vonage_messages import Client, ViberTemplate, ViberTemplateResource


async def main() -> None:
    """Send a template."""
    message = ViberTemplate(
        to=os.environ["MESSAGES_TO_NUMBER"],
        from_=os.environ["VIBER_SENDER_ID"],
        template=ViberTemplateResource(name=os.environ["VIBER_TEMPLATE_NAME"], parameters=["Ada", "12345"]),
    )
    async with Client.from_env() as client:
        sent = await client.send(message, api_version="v0.1")
        print(f"Accepted: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
