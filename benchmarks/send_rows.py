"""
The rows of ``send_throughput.py``: one small function each, run in a process of its own.

``python send_rows.py ROW …`` prints one JSON object: how many messages it sent, in how many seconds, for how much CPU
and memory. A row imports what it measures itself, for each runs in the environment of its peer: only the standard
library stands at the top. Every row sends the same messages and waits for each answer. A row warms up first (imports,
connections, caches), and its clock starts when the messages are built, unless its name says otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

ItemT = TypeVar("ItemT")

API_KEY, API_SECRET = "abcd1234", "a-made-up-secret"
APPLICATION_ID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
MESSAGES_PATH = "/v1/messages"


class Missing(Exception):  # noqa: N818  no error: a row that cannot be measured here
    """What a row measures is not installed."""


class Text(NamedTuple):
    """What one message says, before it becomes anybody's object."""

    to: str
    text: str
    client_ref: str

    def payload(self) -> dict[str, str]:
        """Give the JSON object of v1."""
        return {
            "channel": "sms",
            "message_type": "text",
            "to": self.to,
            "from": "Acme",
            "text": self.text,
            "client_ref": self.client_ref,
        }


class Work:
    """What a row has to do, and the clock that it is measured with."""

    def __init__(self, url: str, *, count: int, warm_up: int, connections: int, private_key: Path | None) -> None:
        self.url = url
        self.count = count
        self.warm_up = warm_up
        self.connections = connections
        self.private_key = private_key
        self.seconds = self.cpu_seconds = 0.0

    @property
    def address(self) -> str:
        """Where messages go."""
        return f"{self.url}{MESSAGES_PATH}"

    def texts(self, count: int | None = None) -> Iterator[Text]:
        """Give what the messages say, one after the other."""
        for number in range(self.count if count is None else count):
            yield Text(f"4477009{number % 100_000:05d}", f"Hello {number}, your parcel is on its way", f"ref-{number}")

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Measure a block. ``process_time`` counts all threads."""
        gc.collect()
        begun, begun_cpu = time.perf_counter(), time.process_time()
        yield
        self.cpu_seconds = time.process_time() - begun_cpu
        self.seconds = time.perf_counter() - begun

    async def in_pool(self, send: Callable[[ItemT], Awaitable[object]], make: Callable[[Text], ItemT]) -> None:
        """Send every message with ``connections`` workers that take them from one iterator."""

        async def work(items: Iterator[ItemT]) -> None:
            for item in items:
                await send(item)

        async def all_of(items: Iterable[ItemT]) -> None:
            shared = iter(items)
            await asyncio.gather(*(work(shared) for _ in range(self.connections)))

        await all_of([make(text) for text in self.texts(self.warm_up)])
        built = [make(text) for text in self.texts()]
        with self.clock():
            await all_of(built)

    def in_threads(self, send: Callable[[ItemT], object], make: Callable[[Text], ItemT]) -> None:
        """Send every message with ``connections`` threads; with one, in the thread that is there."""
        if self.connections == 1:
            self._one_by_one(send, make)
            return
        with ThreadPoolExecutor(self.connections) as pool:
            list(pool.map(send, [make(text) for text in self.texts(self.warm_up)]))
            built = [make(text) for text in self.texts()]
            with self.clock():
                list(pool.map(send, built))

    def _one_by_one(self, send: Callable[[ItemT], object], make: Callable[[Text], ItemT]) -> None:
        for text in self.texts(self.warm_up):
            send(make(text))
        built = [make(text) for text in self.texts()]
        with self.clock():
            for item in built:
                send(item)


def authorization() -> str:
    """Give the header that every row with a key and a secret sends."""
    import base64  # noqa: PLC0415  one row's need

    return "Basic " + base64.b64encode(f"{API_KEY}:{API_SECRET}".encode()).decode()


async def raw_aiohttp(work: Work) -> None:
    """Send with aiohttp as one would by hand: what all others are compared with."""
    import aiohttp  # noqa: PLC0415  see the module

    headers = {"Authorization": authorization()}
    async with aiohttp.ClientSession() as session:

        async def send(payload: dict[str, str]) -> None:
            async with session.post(work.address, json=payload, headers=headers) as response:
                await response.json()

        await work.in_pool(send, Text.payload)


def client_of(work: Work) -> Any:
    """Make a client of ours, with key and secret."""
    from vonage_messages import BasicAuth, Client  # noqa: PLC0415  see the module

    return Client(BasicAuth(API_KEY, API_SECRET), base_url=work.url)


def sms_of(text: Text) -> Any:
    """Make a message of ours."""
    from vonage_messages import Sms  # noqa: PLC0415  see the module

    return Sms(to=text.to, from_="Acme", text=text.text, client_ref=text.client_ref)


async def our_attempts(work: Work) -> None:
    """Send with our client: one ``attempt`` for each message."""
    async with client_of(work) as client:
        await work.in_pool(client.attempt, sms_of)


async def our_attempts_building(work: Work) -> None:
    """Send with our client, and build each message just before: its validation is measured too."""
    async with client_of(work) as client:

        async def send(text: Text) -> None:
            await client.attempt(sms_of(text))

        await work.in_pool(send, Text._make)


async def our_sends(work: Work) -> None:
    """Send with our client: ``send``, with retries at the ready."""
    async with client_of(work) as client:
        await work.in_pool(client.send, sms_of)


async def our_attempts_with_jwt(work: Work) -> None:
    """Send with our client, as an application."""
    from vonage_messages import ApplicationAuth, Client  # noqa: PLC0415  see the module

    auth = ApplicationAuth(APPLICATION_ID, key_of(work))
    async with Client(auth, base_url=work.url) as client:
        await work.in_pool(client.attempt, sms_of)


async def through_queue(work: Work, limits: Any) -> None:
    """Send with our queue: ``map``, which hands out the outcomes as they come."""
    from vonage_messages import SendQueue  # noqa: PLC0415  see the module

    async def all_of(messages: Sequence[Any]) -> None:
        async for outcome in queue.map(messages):
            if outcome.error is not None:
                raise outcome.error

    async with client_of(work) as client, SendQueue(client, limits=limits, connections=work.connections) as queue:
        await all_of([sms_of(text) for text in work.texts(work.warm_up)])
        built = [sms_of(text) for text in work.texts()]
        with work.clock():
            await all_of(built)


def names_of_queue() -> tuple[Any, Any]:
    """Give ``Limits`` and ``Rate``, or say that there is no queue here yet."""
    try:
        from vonage_messages import Limits, Rate, SendQueue  # noqa: F401, PLC0415  the queue: is it there?
    except ImportError as error:
        raise Missing(f"there is no send queue here: {error}") from error
    return Limits, Rate


async def our_queue_unlimited(work: Work) -> None:
    """Send through our queue, with no limit."""
    limits, _ = names_of_queue()
    await through_queue(work, limits.unlimited())


async def our_queue_at_a_limit(work: Work) -> None:
    """Send through our queue at a limit of 2,000 a second, which it can reach: CPU tells, throughput is the limit's."""
    limits, rate = names_of_queue()
    await through_queue(work, limits(account=rate(2_000, per=1.0)))


async def httpx_pool(work: Work) -> None:
    """Send with httpx."""
    import httpx  # noqa: PLC0415  see the module

    headers = {"Authorization": authorization()}
    limits = httpx.Limits(max_connections=work.connections, max_keepalive_connections=work.connections)
    async with httpx.AsyncClient(limits=limits, timeout=60, headers=headers, trust_env=False) as client:

        async def send(payload: dict[str, str]) -> None:
            (await client.post(work.address, json=payload)).json()

        await work.in_pool(send, Text.payload)


async def twilio_pool(work: Work) -> None:
    """Send with twilio's asynchronous HTTP client, which posts forms."""
    from twilio.http.async_http_client import AsyncTwilioHttpClient  # noqa: PLC0415  see the module

    async with AsyncTwilioHttpClient() as client:

        async def send(payload: dict[str, str]) -> None:
            answer = await client.request("POST", work.address, data=payload, auth=(API_KEY, API_SECRET))
            json.loads(answer.text)

        await work.in_pool(send, Text.payload)


def official_client(work: Work, **credentials: str) -> Any:
    """
    Make a client of the official SDK that talks to the loopback.

    It writes ``https://`` before every host. Its requests are turned to plain http just before they leave, so that it
    pays for no TLS that the others do not pay for.
    """
    from requests.adapters import HTTPAdapter  # noqa: PLC0415  see the module
    from vonage import Auth, HttpClientOptions, Vonage  # noqa: PLC0415  see the module

    class Plain(HTTPAdapter):
        def send(self, request: Any, *arguments: Any, **options: Any) -> Any:
            request.url = f"http://{request.url.removeprefix('https://')}"
            return super().send(request, *arguments, **options)

    host = work.url.removeprefix("http://")
    vonage = Vonage(Auth(**credentials), HttpClientOptions(api_host=host))
    session = vonage.http_client._session  # noqa: SLF001  it offers no other way to an adapter
    session.mount("https://", Plain(pool_connections=work.connections, pool_maxsize=work.connections))
    session.trust_env = False
    return vonage


def official_sms(text: Text) -> Any:
    """Make a message of the official SDK."""
    from vonage_messages import Sms  # noqa: PLC0415  the official package of this name: it runs in its environment

    return Sms(to=text.to, from_="Acme", text=text.text, client_ref=text.client_ref)


def official_basic(work: Work) -> None:
    """Send with the official SDK, with key and secret."""
    vonage = official_client(work, api_key=API_KEY, api_secret=API_SECRET)
    work.in_threads(vonage.messages.send, official_sms)


def official_jwt(work: Work) -> None:
    """Send with the official SDK, as an application."""
    key = key_of(work).read_text()
    vonage = official_client(work, application_id=APPLICATION_ID, private_key=key)
    work.in_threads(vonage.messages.send, official_sms)


def watch() -> None:
    """Have OpenTelemetry watch everything, with exporters that throw it away in threads of their own."""
    demand("opentelemetry.sdk")
    from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415  see the module
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: PLC0415  see the module
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  see the module
    from opentelemetry.sdk.trace.export import (  # noqa: PLC0415  see the module
        BatchSpanProcessor,
        SpanExporter,
        SpanExportResult,
    )

    from vonage_messages.telemetry import instrument  # noqa: PLC0415  see the module

    class Nowhere(SpanExporter):
        """Takes spans, and keeps none."""

        def export(self, spans: object) -> SpanExportResult:  # noqa: ARG002  see above
            return SpanExportResult.SUCCESS

    traces = TracerProvider()
    traces.add_span_processor(BatchSpanProcessor(Nowhere()))
    instrument(tracer_provider=traces, meter_provider=MeterProvider([InMemoryMetricReader()]))


async def our_sends_watched(work: Work) -> None:
    """Send with our client while OpenTelemetry watches: two spans and the metrics of each message."""
    watch()
    await our_sends(work)


async def our_queue_watched(work: Work) -> None:
    """Send through our queue while OpenTelemetry watches."""
    watch()
    await our_queue_unlimited(work)


def key_of(work: Work) -> Path:
    """Give the file with the application's key."""
    if work.private_key is None:
        raise Missing("no private key was given: --private-key FILE")
    return work.private_key


class Row(NamedTuple):
    """One line of the table."""

    run: Callable[[Work], Awaitable[None] | None]
    connections: int = 32
    environment: str = "ours"
    """Whose packages it needs: ``ours``, or a peer."""
    share: float = 1.0
    """How much of the common number of messages it sends: slow ones would take minutes."""
    orjson: bool = False
    uvloop: bool = False


ROWS: dict[str, Row] = {
    "raw aiohttp @32": Row(raw_aiohttp),
    "raw aiohttp @32, again": Row(raw_aiohttp),
    "raw aiohttp @64": Row(raw_aiohttp, 64),
    "raw aiohttp @100": Row(raw_aiohttp, 100),
    "raw aiohttp @32, uvloop": Row(raw_aiohttp, uvloop=True),
    "client.attempt @32": Row(our_attempts),
    "client.attempt @64": Row(our_attempts, 64),
    "client.attempt @100": Row(our_attempts, 100),
    "client.attempt @32, orjson": Row(our_attempts, orjson=True),
    "client.attempt @32, uvloop": Row(our_attempts, uvloop=True),
    "client.attempt @32, orjson, uvloop": Row(our_attempts, orjson=True, uvloop=True),
    "client.attempt @32, JWT": Row(our_attempts_with_jwt),
    "client.attempt @32, building": Row(our_attempts_building),
    "client.send @32": Row(our_sends),
    "client.send @32, OpenTelemetry": Row(our_sends_watched),
    "SendQueue, unlimited @64": Row(our_queue_unlimited, 64),
    "SendQueue, unlimited @64, OpenTelemetry": Row(our_queue_watched, 64),
    "SendQueue, unlimited @64, orjson": Row(our_queue_unlimited, 64, orjson=True),
    "SendQueue, unlimited @64, orjson, uvloop": Row(our_queue_unlimited, 64, orjson=True, uvloop=True),
    "SendQueue, 2000/s @64": Row(our_queue_at_a_limit, 64),
    "twilio @32": Row(twilio_pool, environment="twilio"),
    "httpx @10": Row(httpx_pool, 10, environment="httpx", share=0.2),
    "httpx @32": Row(httpx_pool, environment="httpx", share=0.1),
    "vonage, basic, sequential": Row(official_basic, 1, environment="vonage", share=0.2),
    "vonage, basic, 32 threads": Row(official_basic, environment="vonage", share=0.2),
    "vonage, JWT, sequential": Row(official_jwt, 1, environment="vonage", share=0.01),
    "vonage, JWT, 32 threads": Row(official_jwt, environment="vonage", share=0.01),
}


def peak_memory() -> int:
    """
    Give the peak of the resident memory of this process, in bytes.

    Not ``ru_maxrss`` where there is /proc: on Linux it begins with what the parent had when it started this process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def prepare(row: Row) -> None:
    """Switch orjson and uvloop on or off: what is installed must not decide what is measured."""
    if row.orjson:
        demand("orjson")
    else:
        sys.modules["orjson"] = None  # type: ignore[assignment]  # the documented way to make an import fail
    if row.uvloop:
        demand("uvloop").install()


def demand(name: str) -> Any:
    """Import a package, or say that it is missing."""
    import importlib  # noqa: PLC0415  see the module

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Missing(f"{name} is not installed") from error


async def run_in_loop(awaitable: Awaitable[None]) -> None:
    """Wait for a row that is a coroutine."""
    await awaitable


def measure(row: Row, work: Work) -> dict[str, Any]:
    """Run a row and say what it took."""
    prepare(row)
    running = row.run(work)
    if running is not None:
        asyncio.run(run_in_loop(running))
    return {
        "sent": work.count + work.warm_up,
        "messages": work.count,
        "seconds": work.seconds,
        "cpu_seconds": work.cpu_seconds,
        "peak_bytes": peak_memory(),
        "python": sys.version.split()[0],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the row that is named, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("row", choices=ROWS)
    parser.add_argument("--url", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--warm-up", type=int, required=True)
    parser.add_argument("--private-key", type=Path)
    given = parser.parse_args(arguments)
    row = ROWS[given.row]
    work = Work(
        given.url,
        count=given.count,
        warm_up=given.warm_up,
        connections=row.connections,
        private_key=given.private_key,
    )
    try:
        print(json.dumps(measure(row, work)))
    except Missing as missing:
        print(json.dumps({"missing": str(missing)}))
    except ModuleNotFoundError as error:
        if row.environment == "ours":  # a mistake of this project, and no peer that is not there
            raise
        print(json.dumps({"missing": str(error)}))


if __name__ == "__main__":
    main()
