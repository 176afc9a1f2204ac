"""
You will see: a campaign that is put into PostgreSQL, and sent from there by as many machines as start this program.

Start it on several machines, or in several terminals: everybody is added once, the machines share the work and the
limits of the account, and one that dies has its messages sent by the others. Each ends when nothing waits any more.

Environment: VONAGE_DATABASE_URL (PostgreSQL), VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY (or VONAGE_API_KEY and
VONAGE_API_SECRET), SMS_SENDER_ID, MESSAGES_TO_NUMBERS (separated by commas); VONAGE_BASE_URL for a local simulator.
"""

import asyncio
import os
from collections.abc import Iterator

import procrastinate

from vonage_messages import Limits, SharedLimiter, Sms
from vonage_messages.stores.postgres import PostgresLedgerStore, PostgresLimitStore
from vonage_messages.workers import prepare, register, run_worker

DATABASE = os.environ["VONAGE_DATABASE_URL"]


def invitations() -> Iterator[Sms]:
    """Make one message after the other."""
    for number in os.environ["MESSAGES_TO_NUMBERS"].split(","):
        yield Sms(to=number, from_=os.environ["SMS_SENDER_ID"], text="You are invited.")


async def main() -> None:
    """Put the campaign there, and work until nothing waits."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=DATABASE))
    ledger = PostgresLedgerStore(DATABASE)
    limiter = SharedLimiter(Limits.published(), PostgresLimitStore(DATABASE))
    async with app.open_async(), register(app, ledger, limits=limiter) as workers:
        await prepare(app)
        added = await workers.enqueue(invitations(), key=lambda message: f"spring {message.to}")
        print(f"{added.new} added, {added.repeated} there already")

        done = asyncio.Event()
        working = asyncio.create_task(run_worker(workers, concurrency=2, stopping=done))
        counts = await ledger.counts()
        while counts["pending"] or counts["claimed"] or counts["sending"]:
            await asyncio.sleep(0.1)
            counts = await ledger.counts()
        print(f"{counts['accepted']} accepted, {counts['failed']} failed, {counts['in_doubt']} in doubt")
        done.set()
        await working


if __name__ == "__main__":
    asyncio.run(main())
