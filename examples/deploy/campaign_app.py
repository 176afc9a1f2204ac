"""
What ``compose.yaml`` and the systemd unit start: ``campaign_app.py work``, ``webhooks`` or ``enqueue FILE``.

``work`` is one worker, with ``/healthz`` and ``/metrics`` on port 9100 (HEALTH_PORT). ``webhooks`` receives statuses on
port 8000, and settles with them what is in doubt, whichever worker had sent it. ``enqueue`` puts a CSV file with the
columns ``to`` and ``text`` into the database; the same file again adds nothing.

Environment: VONAGE_DATABASE_URL, credentials as for ``Client.from_env``, VONAGE_SIGNATURE_SECRET (webhooks),
SMS_SENDER_ID (enqueue); LISTEN_HOST where the loopback is not enough, as in a container.
"""

from __future__ import annotations

import asyncio
import csv
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import procrastinate
from aiohttp import web

from vonage_messages import Limits, Outbox, SharedLimiter, Sms
from vonage_messages.adapters.aiohttp import webhook_routes
from vonage_messages.stores.postgres import PostgresLedgerStore, PostgresLimitStore
from vonage_messages.webhooks import MessageStatus, Router, SignatureVerifier
from vonage_messages.workers import HealthAddress, Workers, prepare, register, run_worker

HOST = os.environ.get("LISTEN_HOST", "127.0.0.1")
HEALTH_PORT = int(os.environ.get("HEALTH_PORT", "9100"))


def make_workers(database: str) -> tuple[procrastinate.App, Workers]:
    """Register the sending on an engine of our own. Tasks of yours may stand on the same one."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database))
    limiter = SharedLimiter(Limits.published(), PostgresLimitStore(database))
    return app, register(app, PostgresLedgerStore(database), limits=limiter)


def web_app(database: str, secret: str) -> web.Application:
    """Receive statuses: each settles its row, if that was in doubt."""
    router = Router()
    outbox = Outbox(PostgresLedgerStore(database))

    @router.status()
    async def settle(status: MessageStatus) -> None:
        await outbox.settle(status)

    async def opened(_: web.Application) -> AsyncIterator[None]:
        async with outbox:
            yield

    app = web.Application()
    app.cleanup_ctx.append(opened)
    app.add_routes(webhook_routes(router, verifier=SignatureVerifier(secret)))
    return app


def read(path: Path, sender: str) -> Iterator[Sms]:
    """Make a message of each line, one after the other."""
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Sms(to=row["to"], from_=sender, text=row["text"])


async def enqueue(database: str, path: Path) -> None:
    """Put a file into the database, all of it or nothing."""
    app, workers = make_workers(database)
    async with app.open_async(), workers:
        await prepare(app)
        messages = read(path, os.environ["SMS_SENDER_ID"])
        print(await workers.enqueue(messages, key=lambda message: f"{path.name} {message.to}"))


def main() -> None:
    """Be what the first argument says."""
    database = os.environ["VONAGE_DATABASE_URL"]
    match sys.argv[1:]:
        case ["work"]:
            _, workers = make_workers(database)
            asyncio.run(run_worker(workers, health=HealthAddress(HEALTH_PORT, HOST)))
        case ["webhooks"]:
            web.run_app(web_app(database, os.environ["VONAGE_SIGNATURE_SECRET"]), host=HOST, port=8000)
        case ["enqueue", path]:
            asyncio.run(enqueue(database, Path(path)))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
