"""
What it costs to find messages among 100,000: you will see the processor time of one page of the control API, in ms.

It is the time of looking and choosing, without HTTP and without writing JSON; the best of five looks.
"""

from __future__ import annotations

import asyncio
import time

from vonage_messages.simulator import KnownInbound, ReceivedMessage, SimulatorState
from vonage_messages.simulator.control.listing import Filter, instant_of, messages, page
from vonage_messages.simulator.state import instant

SENT = 100_000
WRITTEN = 20_000
QUESTIONS = (
    ("the newest", {}),
    ("the newest that were sent", {"direction": "outbound"}),
    ("to one number", {"to": "447700900500"}),
    ("on one channel", {"channel": "whatsapp"}),
    ("with these words", {"text": "code is 4242"}),
)


def filled() -> SimulatorState:
    """Make a memory that is full."""
    state, begun = SimulatorState(SENT), 1_900_000_000
    for number in range(SENT):
        channel, to, text = (
            "sms" if number % 3 else "whatsapp",
            f"447700900{number % 1000:03d}",
            f"Your code is {number}",
        )
        payload = {"channel": channel, "message_type": "text", "to": to, "from": "Acme", "text": text}
        state.add_message(
            ReceivedMessage(
                message_uuid=f"{number:036d}",
                version="v1",
                channel=channel,
                message_type="text",
                to=to,
                from_="Acme",
                client_ref=None,
                payload=payload,
                workflow_id=None,
                request_id=str(number),
                received_at=instant(begun + number),
            )
        )
    for number in range(WRITTEN):
        at = instant(begun + 5 * number)
        state.add_written(
            KnownInbound(message_uuid=f"in-{number}", channel="sms", payload={"text": "Yes"}, written_at=at)
        )
    return state


async def look(state: SimulatorState, wanted: Filter) -> int:
    """Find one page, and tell how many messages there are on all."""
    found = await messages(state, wanted)
    return page(found, instant_of, order="newest", limit=50, cursor=None, view=lambda each: each).total


async def main() -> None:
    """Ask each question five times."""
    state = filled()
    for name, asked in QUESTIONS:
        costs = []
        for _ in range(5):
            begun = time.process_time()
            total = await look(state, Filter.of(asked))
            costs.append(time.process_time() - begun)
        print(f"{name} ({total} of {SENT + WRITTEN}): {min(costs) * 1000:.0f} ms")


if __name__ == "__main__":
    asyncio.run(main())
