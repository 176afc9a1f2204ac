"""
You will see: events as they come from a live feed, and for each the channel by which every subscriber heard of it.

Subscribers choose their channel; one queue paces them all. Breaking news overtakes what still waits, and a score that
nobody needs after ten seconds is not sent later than that.

Environment: VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and VONAGE_API_SECRET), SMS_SENDER_ID,
WHATSAPP_SENDER_ID, VIBER_SENDER_ID, MESSAGES_SUBSCRIBERS (such as "sms:447700900001,whatsapp:447700900002"),
LIMITS_FILE; VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import os
from collections.abc import AsyncIterator

from vonage_messages import (
    Client,
    FileLimitStore,
    Limiter,
    Message,
    Priority,
    SendFuture,
    SendQueue,
    Sms,
    ViberText,
    WhatsappText,
)

EVENTS = [("score", "1:0"), ("score", "1:1"), ("breaking", "The match is interrupted"), ("score", "2:1")]


async def feed() -> AsyncIterator[tuple[str, str]]:
    """Stand in for a socket or a broker: give what happens, when it happens."""
    for event in EVENTS:
        yield event
        await asyncio.sleep(0.2)


def message_for(subscriber: str, text: str) -> Message:
    """Say *text* to a subscriber on the channel of their choice."""
    channel, to = subscriber.split(":")
    if channel == "whatsapp":
        return WhatsappText(to=to, from_=os.environ["WHATSAPP_SENDER_ID"], text=text)
    if channel == "viber":
        return ViberText(to=to, from_=os.environ["VIBER_SENDER_ID"], text=text)
    return Sms(to=to, from_=os.environ["SMS_SENDER_ID"], text=text)


async def main() -> None:
    """Give every event to every subscriber, and tell what came of it."""
    subscribers = os.environ["MESSAGES_SUBSCRIBERS"].split(",")
    limits = Limiter(store=FileLimitStore(os.environ["LIMITS_FILE"]))  # what was sent before counts, too
    async with Client.from_env() as client, SendQueue(client, limits=limits) as queue:
        told: list[SendFuture] = []
        async for kind, text in feed():
            if kind == "breaking":
                told += [queue.submit(message_for(each, text), priority=Priority.HIGH) for each in subscribers]
            else:
                told += [queue.submit(message_for(each, text), expires_in=10) for each in subscribers]
        for future, outcome in zip(told, await asyncio.gather(*told, return_exceptions=True), strict=True):
            what = f"not told: {outcome}" if isinstance(outcome, BaseException) else outcome.message_uuid
            print(f"{future.message.channel:<14} {future.message.to}  {what}")
        print(f"{queue.stats().accepted} of {len(told)} accepted")


if __name__ == "__main__":
    asyncio.run(main())
