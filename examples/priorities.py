"""
You will see: when each message left, and that the one-time code overtook the newsletters that were there before it.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), SMS_SENDER_ID,
MESSAGES_TO_NUMBER (who gets the code), MESSAGES_TO_NUMBERS (who gets the newsletter; separated by commas);
VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import os
import secrets
import time

from vonage_messages import Client, Outcome, Priority, SendQueue, Sms


async def main() -> None:
    """Fill the queue with what can wait, then submit what cannot."""
    sender, begun = os.environ["SMS_SENDER_ID"], time.monotonic()

    def show(outcome: Outcome) -> None:
        what = outcome.message.client_ref if outcome.error is None else f"not sent: {outcome.error}"
        print(f"{time.monotonic() - begun:5.2f} s  {what}")

    async with Client.from_env() as client, SendQueue(client, on_outcome=show) as queue:
        for place, number in enumerate(os.environ["MESSAGES_TO_NUMBERS"].split(","), start=1):
            newsletter = Sms(to=number, from_=sender, text="What is new in May.", client_ref=f"newsletter-{place}")
            await queue.put(newsletter, priority=Priority.BULK)
        await asyncio.sleep(0.2)
        code = Sms(
            to=os.environ["MESSAGES_TO_NUMBER"],
            from_=sender,
            text=f"{secrets.randbelow(10**6):06} is your code.",
            client_ref="code",
        )
        asked = time.monotonic()
        await queue.submit(code, priority=Priority.HIGH, expires_in=60)
        waiting = queue.stats().waiting[Priority.BULK]
        print(f"The code took {time.monotonic() - asked:.2f} s; {waiting} newsletters still wait")


if __name__ == "__main__":
    asyncio.run(main())
