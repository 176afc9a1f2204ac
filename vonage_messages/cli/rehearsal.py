"""
The run of the demo: a simulator on a free loopback port, the real client, every exhibit, every misstep, a round trip.

What is sent stands in ``catalogue`` and ``missteps``; how it looks in ``demo_table``. Nothing here prints.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

import attrs

from vonage_messages.cli.catalogue import exhibits
from vonage_messages.cli.missteps import Mistake, Refusal, mistakes, refusals
from vonage_messages.cli.round_trip import Happening, travel
from vonage_messages.errors import APIError, RateLimitedError, VonageMessagesError
from vonage_messages.simulator import Simulator
from vonage_messages.wire.payloads import to_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from vonage_messages.cli.catalogue import Exhibit
    from vonage_messages.clients import Client
    from vonage_messages.observe import AttemptFinished, AttemptStarted
    from vonage_messages.values import Seconds
    from vonage_messages.wire.payloads import ApiVersion


@attrs.frozen(kw_only=True)
class Answered:
    """One request that should be accepted, and what came of it."""

    channel: str
    what: str
    """The type of the message and, after a comma, what sets it apart."""
    version: ApiVersion
    status: int | None
    """The HTTP status, or ``None`` where there was no answer."""
    message_uuid: str = ""
    duration: Seconds
    error: str = ""
    """The sentence of the error, or how the simulator's copy differs; empty where all is well."""

    @property
    def as_expected(self) -> bool:
        """Accepted, and arrived as it was written."""
        return not self.error


@attrs.frozen(kw_only=True)
class Refused:
    """One misstep, and what came of it."""

    what: str
    sentence: str
    """What a user sees; empty where nothing was refused."""
    status: int | None = None
    """The HTTP status, or ``None`` where it was refused before anything was sent."""
    retry_after: Seconds | None = None
    as_expected: bool


@attrs.frozen(kw_only=True)
class Report:
    """Everything that happened in one run of the demo."""

    url: str
    rate: float
    """Requests per second, of the simulated account and of the demo's own pace."""
    answered: tuple[Answered, ...]
    found_here: tuple[Refused, ...]
    found_there: tuple[Refused, ...]
    round_trip: tuple[Happening, ...] = ()
    duration: Seconds

    @property
    def accepted(self) -> int:
        """How many requests were accepted and arrived as they were written."""
        return sum(each.as_expected for each in self.answered)

    @property
    def refused(self) -> int:
        """How many missteps were refused as they should be."""
        return sum(each.as_expected for each in (*self.found_here, *self.found_there))

    @property
    def as_expected(self) -> bool:
        """Everything went as it should."""
        wanted = len(self.answered) + len(self.found_here) + len(self.found_there)
        return self.accepted + self.refused == wanted and all(each.as_expected for each in self.round_trip)


@attrs.define
class _LastStatus:
    """An observer that keeps the HTTP status of the last answer: a receipt alone does not carry it."""

    status: int | None = None

    def before_attempt(self, _: AttemptStarted) -> None:
        """Forget the answer before."""
        self.status = None

    def after_attempt(self, event: AttemptFinished) -> None:
        """Keep the answer."""
        self.status = event.status


async def rehearse(*, rate: float, on_progress: Callable[[int], object] = lambda done: done) -> Report:
    """
    Run the demo once.

    *rate* is in requests per second: the simulated account's limit, and the pace that keeps below it. *on_progress*
    is told after each request how many are done.
    """
    begun = time.perf_counter()
    async with Simulator(rate=rate) as simulator:
        run = _Run(simulator, 1 / rate, on_progress)
        await run.send_everything()
        await run.update_messages()
        found_there = [await run.try_refusal(each) for each in refusals()]
        return Report(
            url=simulator.url,
            rate=rate,
            answered=tuple(run.answered),
            found_here=tuple(_try_mistake(each) for each in mistakes()),
            found_there=tuple(found_there),
            round_trip=await travel(),
            duration=time.perf_counter() - begun,
        )


def count_of_requests() -> int:
    """Count what ``on_progress`` will be told about: every exhibit in every version, and the updates."""
    return sum(len(exhibit.versions) for exhibit in exhibits()) + len(_UPDATES)


class _Run:
    """The requests of one run, one after another, each followed by a pause that keeps the pace."""

    def __init__(self, simulator: Simulator, pause: Seconds, on_progress: Callable[[int], object]) -> None:
        self.answered: list[Answered] = []
        self._simulator = simulator
        self._pause = pause
        self._on_progress = on_progress
        self._last = _LastStatus()

    async def send_everything(self) -> None:
        """Send every exhibit in each of its versions."""
        async with self._simulator.client(observers=[self._last]) as client:
            for exhibit in exhibits():
                for version in exhibit.versions:
                    await self._note(await self._send(client, exhibit, version))

    async def update_messages(self) -> None:
        """Mark inbound messages as read, and take one back."""
        async with self._simulator.client(observers=[self._last]) as client:
            for channel, what, update in _UPDATES:
                await self._note(await self._update(channel, what, update(client, self._simulator)))

    async def try_refusal(self, refusal: Refusal) -> Refused:
        """Make a request that the platform should refuse."""
        try:
            async with refusal.account(self._simulator) as client:
                await refusal.call(client)
        except APIError as error:
            retry_after = error.retry_after if isinstance(error, RateLimitedError) else None
            expected = error.status == refusal.status
            return Refused(
                what=refusal.what,
                sentence=str(error),
                status=error.status,
                retry_after=retry_after,
                as_expected=expected,
            )
        except VonageMessagesError as error:
            return Refused(what=refusal.what, sentence=str(error), as_expected=False)
        finally:
            await asyncio.sleep(self._pause)
        return Refused(what=refusal.what, sentence="", as_expected=False)

    async def _send(self, client: Client, exhibit: Exhibit, version: ApiVersion) -> Answered:
        message = exhibit.message
        message_uuid, error = "", ""
        begun = time.perf_counter()
        try:
            message_uuid = (await client.send(message, api_version=version)).message_uuid
        except VonageMessagesError as failure:
            error = str(failure)
        duration = time.perf_counter() - begun
        return Answered(
            channel=message.channel,
            what=", ".join(filter(None, (message.message_type, exhibit.detail))),
            version=version,
            status=self._last.status,
            message_uuid=message_uuid,
            duration=duration,
            error=error or self._difference(message_uuid, to_json(message, version)),
        )

    async def _update(self, channel: str, what: str, update: Awaitable[None]) -> Answered:
        error = ""
        begun = time.perf_counter()
        try:
            await update
        except VonageMessagesError as failure:
            error = str(failure)
        duration = time.perf_counter() - begun
        return Answered(
            channel=channel, what=what, version="v1", status=self._last.status, duration=duration, error=error
        )

    def _difference(self, message_uuid: str, written: bytes) -> str:
        """Compare what was written with what arrived; give a sentence where they differ."""
        arrived = self._simulator.state.message(message_uuid)
        if arrived is None:
            return "was accepted, but the simulator does not have it"
        return "" if arrived.payload == json.loads(written) else "arrived otherwise than it was written"

    async def _note(self, answered: Answered) -> None:
        """Keep a result, and wait: counted from the answer, the next request cannot come too early."""
        self.answered.append(answered)
        self._on_progress(len(self.answered))
        await asyncio.sleep(self._pause)


def _try_mistake(mistake: Mistake) -> Refused:
    try:
        mistake.make()
    except VonageMessagesError as error:
        return Refused(what=mistake.what, sentence=str(error), as_expected=True)
    return Refused(what=mistake.what, sentence="", as_expected=False)


async def _read_with_typing(client: Client, simulator: Simulator) -> None:
    await client.mark_read(simulator.state.add_inbound("whatsapp"), typing_indicator=True)


async def _read(client: Client, simulator: Simulator) -> None:
    await client.mark_read(simulator.state.add_inbound("rcs"))


async def _revoke(client: Client, simulator: Simulator) -> None:
    """Take back the last RCS message; without one there is nothing to take back, which the answer says."""
    sent = [each.message_uuid for each in simulator.messages if each.channel == "rcs"]
    await client.revoke(sent[-1] if sent else "none")


_UPDATES: tuple[tuple[str, str, Callable[[Client, Simulator], Awaitable[None]]], ...] = (
    ("whatsapp", "mark read, typing", _read_with_typing),
    ("rcs", "mark read", _read),
    ("rcs", "revoke", _revoke),
)
