"""
How many callbacks a second one core takes through the aiohttp adapter: you will see rates and latencies.

A server in this process (pinned to one core where the system allows it) verifies, parses and handles signed status
callbacks; the load comes from a second process over loopback, on keep-alive connections. Every callback is counted:
lost or handled twice makes the run fail. Half of them are sent a second time, as the platform may do. Run:
``python benchmarks/webhook_adapter.py [callbacks] [connections]``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import statistics
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from aiohttp import web

from vonage_messages.adapters.aiohttp import add_webhooks
from vonage_messages.webhooks import MessageStatus, Router, SignatureVerifier, sign_webhook

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "example-signature-secret-0123456789abcdef"  # noqa: S105  made up
PATH = "/webhooks/message-status"
LONGEST_RUN = 120
MOST_CALLBACKS = 200_000


def request_of(number: int) -> bytes:
    """Write one whole HTTP request: a signed SMS status of some 350 bytes."""
    body = json.dumps(
        {
            "message_uuid": f"aaaaaaaa-bbbb-4ccc-8ddd-{number:012d}",
            "to": "447700900000",
            "from": "447700900001",
            "timestamp": "2025-02-03T12:14:25Z",
            "status": "delivered",
            "channel": "sms",
            "client_ref": f"campaign-{number}",
            "usage": {"currency": "EUR", "price": "0.0333"},
            "destination": {"network_code": "23410"},
            "sms": {"count_total": "2"},
        }
    ).encode()
    headers = sign_webhook(body, SECRET, api_key="a1b2c3d", issued_at=time.time())
    lines = [f"POST {PATH} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def send_all(port: int, requests: Iterator[bytes], latencies: list[float]) -> None:
    """Send requests over one connection, one after another; anything but 200 is an error."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for request in requests:
        begun = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 ") or b"Content-Length: 0" not in head:
            raise RuntimeError(head.decode())
        latencies.append(time.perf_counter() - begun)
    writer.close()
    await writer.wait_closed()


def take_one_core() -> None:
    """Keep the server on one core, where the system lets a program choose."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def leave_the_core_of_the_server() -> None:
    """Run on every core but the inherited one, where there is another."""
    others = set(range(os.cpu_count() or 1)) - os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
    if others:
        os.sched_setaffinity(0, others)


async def load(port: int, callbacks: int, connections: int) -> None:
    """Be the second process: sign everything first, then send it, and print the figures as JSON."""
    leave_the_core_of_the_server()
    requests = [request_of(number) for number in range(callbacks)]
    latencies: list[float] = []
    begun = time.perf_counter()
    async with asyncio.timeout(LONGEST_RUN), asyncio.TaskGroup() as group:
        shared = iter(requests)
        for _ in range(connections):
            group.create_task(send_all(port, shared, latencies))
    took = time.perf_counter() - begun
    # The twins come afterwards and are not timed: each must be answered 200 and not be handled.
    async with asyncio.timeout(LONGEST_RUN):
        await send_all(port, iter(requests[::2]), [])
    print(json.dumps({"seconds": took, "latencies": latencies}))


async def measured(callbacks: int, connections: int) -> bool:
    """Run the server, start the load, compare what was sent with what was handled."""
    handled: Counter[str] = Counter()
    router = Router()

    @router.status("delivered")
    async def on_status(event: MessageStatus) -> None:
        handled[event.message_uuid] += 1

    application = web.Application()
    add_webhooks(application, router, verifier=SignatureVerifier(SECRET, remember_tokens=2 * callbacks))
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    begun = time.process_time()
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "load", str(port), str(callbacks), str(connections), stdout=asyncio.subprocess.PIPE
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 3 * LONGEST_RUN)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await runner.cleanup()
    if process.returncode:
        return False
    report(json.loads(output), handled, callbacks, time.process_time() - begun)
    return len(handled) == callbacks and set(handled.values()) == {1}


def report(figures: dict[str, object], handled: Counter[str], callbacks: int, processor: float) -> None:
    """Print one run."""
    latencies = [float(value) * 1000 for value in figures["latencies"]]  # type: ignore[attr-defined]
    seconds = float(figures["seconds"])  # type: ignore[arg-type]
    hundredths = statistics.quantiles(latencies, n=100)
    print(
        f"{callbacks / seconds:8.0f} callbacks/s   p50 {hundredths[49]:.2f} ms   p99 {hundredths[98]:.2f} ms   "
        f"{processor / (callbacks * 1.5) * 1e6:.0f} µs of processor each   sent {callbacks}, lost "
        f"{callbacks - len(handled)}, twice {sum(count > 1 for count in handled.values())}"
    )


def main() -> None:
    """Measure three times, or be the load."""
    logging.basicConfig(level=logging.WARNING)
    if sys.argv[1:2] == ["load"]:
        asyncio.run(load(*(int(argument) for argument in sys.argv[2:5])))
        return
    callbacks = min(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, MOST_CALLBACKS)
    connections = int(sys.argv[2]) if len(sys.argv) > 2 else 16  # noqa: PLR2004  the second argument
    take_one_core()
    for _ in range(3):
        if not asyncio.run(measured(callbacks, connections)):
            sys.exit("callbacks were lost or handled twice")


if __name__ == "__main__":
    main()
