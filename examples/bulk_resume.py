"""
You will see: a campaign that is interrupted, and goes on where it was; and then what was sent, each message once.

Start it again, also after a crash: nothing is sent a second time, because everybody stands in the outbox already.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), SMS_SENDER_ID,
MESSAGES_TO_NUMBERS (separated by commas), OUTBOX_FILE; VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import os
from collections.abc import Iterator

from vonage_messages import Client, Limits, Outbox, Sms


def invitations() -> Iterator[Sms]:
    """Make one message after the other: a million of them would need no more memory."""
    for number in os.environ["MESSAGES_TO_NUMBERS"].split(","):
        yield Sms(to=number, from_=os.environ["SMS_SENDER_ID"], text="You are invited.", client_ref="spring")


async def main() -> None:
    """Add everybody, begin, be interrupted, and go on."""
    async with Client.from_env() as client, Outbox.open(os.environ["OUTBOX_FILE"]) as outbox:
        for _ in range(2):  # as after a crash: what is there already is counted, and not added again
            added = await outbox.add(invitations(), key=lambda message: f"spring {message.to}")
            print(f"{added.new} added, {added.repeated} there already")

        try:
            async with asyncio.timeout(1):
                await outbox.run(client, limits=Limits.published())
        except TimeoutError:
            print(f"Interrupted; {(await outbox.report()).pending} wait")

        report = await outbox.run(client, limits=Limits.published())
        print(f"{report.accepted} accepted, {report.failed} failed, {report.in_doubt} in doubt")
        async for row in outbox.rows():
            print(f"{row.key}: {row.state}, {row.attempts} request")


if __name__ == "__main__":
    asyncio.run(main())
