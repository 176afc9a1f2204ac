"""
You will see: how long a campaign takes from one number and from four, and in how many parts its texts are charged.

Nothing is sent, and nothing is needed in the environment.
"""

import asyncio
from collections.abc import Iterator

from vonage_messages import Limits, Rate, Sms, plan

NUMBERS = ["14155550100", "14155550101", "14155550102", "14155550103"]
TEXT = "Hello {name}, our spring sale begins on Friday at nine. Reply STOP and you will hear no more of us."


def newsletters(senders: list[str]) -> Iterator[Sms]:
    """Make 10,000 messages, from one sender after the other."""
    for place in range(10_000):
        text = TEXT.format(name=f"customer {place}")
        yield Sms(to=str(12125550000 + place), from_=senders[place % len(senders)], text=text)


async def main() -> None:
    """Compare two ways before choosing one."""
    # Each number may send one message a second: what a US campaign was registered for, say.
    limits = Limits(account=Rate(30), senders=dict.fromkeys(NUMBERS, Rate(1)))
    for senders in (NUMBERS[:1], NUMBERS):
        estimate = plan(newsletters(senders), limits)
        slowest = estimate.busiest["sender"][0]
        print(f"From {len(senders)}: {estimate}")
        print(f"  {slowest.messages} messages of one sender take {slowest.duration / 3600:.1f} hours")


if __name__ == "__main__":
    asyncio.run(main())
