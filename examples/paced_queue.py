"""
You will see: one line for each message, as it is accepted or refused, and at the end what the queue has done.

Thirty leave in a second, because that is what an account is allowed: `Limits.published()` is what a queue keeps to.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), SMS_SENDER_ID,
MESSAGES_TO_NUMBERS (separated by commas); VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import os
from collections.abc import Iterator

from vonage_messages import Client, Limits, SendQueue, Sms


def reminders() -> Iterator[Sms]:
    """Make one message after the other: a million of them would need no more memory."""
    for place, number in enumerate(os.environ["MESSAGES_TO_NUMBERS"].split(","), start=1):
        yield Sms(
            to=number,
            from_=os.environ["SMS_SENDER_ID"],
            text="Your appointment is tomorrow at ten.",
            client_ref=f"reminder-{place}",
        )


async def main() -> None:
    """Send them all, and look at each outcome as it comes."""
    async with Client.from_env() as client, SendQueue(client, limits=Limits.published()) as queue:
        async for outcome in queue.map(reminders()):
            if outcome.sent is not None:
                print(f"{outcome.message.client_ref} after {outcome.waited:.2f} s: {outcome.sent.message_uuid}")
            else:
                print(
                    f"{outcome.message.client_ref} {'perhaps' if outcome.maybe_sent else 'not'} sent: {outcome.error}"
                )
        stats = queue.stats()
        print(f"{stats.accepted} accepted, {stats.failed} failed, {stats.refused} refused for being too fast")


if __name__ == "__main__":
    asyncio.run(main())
