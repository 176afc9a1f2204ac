"""
You will see: a request of version 0.1 as version 1 writes it, what could not be carried, and the id after sending it.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), WHATSAPP_SENDER_ID,
MESSAGES_TO_NUMBER; VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import json
import os

from vonage_messages import Client, from_payload, migrate


async def main() -> None:
    """Turn a request that an older program makes into one of v1, and send that."""
    number, sender = os.environ["MESSAGES_TO_NUMBER"], os.environ["WHATSAPP_SENDER_ID"]
    older = {
        "to": {"type": "whatsapp", "number": number},
        "from": {"type": "whatsapp", "number": sender},
        "message": {
            "content": {"type": "image", "image": {"url": "https://example.com/parcel.jpg", "caption": "Your parcel"}},
            "note": "for nobody",
        },
        "client_ref": "parcel-1",
    }
    migrated = migrate.to_v1(older)
    print(json.dumps(migrated.payload))
    for problem in migrated.lost:
        print(f"Not carried: {problem}")

    async with Client.from_env() as client:
        sent = await client.send(from_payload(migrated.payload))
        print(f"Accepted: {sent.message_uuid}")


if __name__ == "__main__":
    asyncio.run(main())
