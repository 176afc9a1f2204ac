"""
A run of ``bulk``: rows into the outbox, messages out of it, until all are sent or somebody presses Ctrl-C.

The first Ctrl-C begins nothing more and waits for the requests under way; the second ends the process at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import attrs

from vonage_messages.bulk.campaign import add_rows
from vonage_messages.bulk.journal import Journal, KnownRows
from vonage_messages.bulk.latencies import Latencies
from vonage_messages.bulk.screening import ScreenedStore
from vonage_messages.cli.bulk_display import moment, show_end, show_sentence
from vonage_messages.clients import Client
from vonage_messages.errors import ConfigurationError
from vonage_messages.sending.outbox import Outbox
from vonage_messages.spending import Budget

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console

    from vonage_messages.bulk.campaign import Campaign
    from vonage_messages.bulk.screening import Screen
    from vonage_messages.cli.bulk_display import Display
    from vonage_messages.limits.levels import Limits
    from vonage_messages.sending.outbox import InDoubt
    from vonage_messages.sending.report import Report
    from vonage_messages.values import Seconds

ALL_ACCEPTED = 0
NOT_ALL = 1
STOPPED = 2

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_SAVE_EVERY: Seconds = 5.0
_LONGEST_WAIT: Seconds = 60.0
"""The clock of the wall is looked at so often: a laptop that slept must not oversleep."""

_NOT_STOPPED = "some could not be sent now"
"""How the report begins to say that rows are left over although nothing stopped the run."""


@attrs.frozen(kw_only=True)
class Errand:
    """What a run is to do."""

    outbox: Path
    name: str
    """What FILE was called, for sentences that say how to go on."""

    screen: Screen
    limits: Limits | None
    budget: Budget | None
    in_doubt: InDoubt
    wait: bool
    connections: int
    campaign: Campaign | None = None
    """Whose rows are added first; ``None`` sends what the outbox has."""

    known: KnownRows = attrs.field(factory=KnownRows)
    invalid: int = 0
    """How many rows of the file were left out because no message can be made of them."""

    retry: bool = False
    """Let failed rows wait again first."""

    clock: Callable[[], float] = time.time


def client_of_environment(latencies: Latencies) -> Client:
    """
    Build the client that sends, before anything else is done: without credentials nothing is.

    Raises:
        ConfigurationError: credentials are missing or half given.
    """
    return Client.from_env(app_name="vonage-messages", observers=[latencies])


def carry_out(errand: Errand, client: Client, latencies: Latencies, display: Display, console: Console) -> int:
    """Do what the errand says, and give the exit code."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        return asyncio.run(_Run(errand, client, latencies, display, console).execute())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Run:
    def __init__(
        self, errand: Errand, client: Client, latencies: Latencies, display: Display, console: Console
    ) -> None:
        self._errand = errand
        self._client = client
        self._latencies = latencies
        self._display = display
        self._console = console
        self._store = ScreenedStore(errand.outbox, errand.screen)
        self._outbox = Outbox(self._store, clock=errand.clock)
        self._stopping = asyncio.Event()
        self._is_over = False
        """Whether nothing is under way any more."""

    async def execute(self) -> int:
        self._hear_signals()
        try:
            async with self._outbox, self._client:
                if self._errand.campaign is not None and not await self._add(self._errand.campaign):
                    return STOPPED
                if self._errand.retry:
                    self._display.say(f"{await self._outbox.retry():,} failed rows are tried again.")
                report = await self._send()
                self._is_over = True
            self._display.close()
            show_end(report, self._store.held, self._console, name=self._errand.name)
            return self._exit_code(report)
        finally:
            self._hear_no_signals()

    async def _add(self, campaign: Campaign) -> bool:
        """Add the rows of the file; false when it was stopped meanwhile."""
        try:
            await Journal(self._store).campaign(campaign.id)
        except ConfigurationError:  # it had none, or this one, when the plan was made
            raise ConfigurationError(
                f"another run has begun to fill {self._errand.outbox} meanwhile, and this one sent nothing: "
                "the same command goes on where that one ends."
            ) from None
        await add_rows(
            self._outbox,
            campaign,
            self._errand.known,
            on_rows=lambda number: self._display.counting("Adding to the outbox", number),
            stopped=self._stopping.is_set,
        )
        if self._stopping.is_set():
            self._display.close()
            self._display.say("Stopped while rows were added: nothing was sent. The same command goes on.")
            return False
        return True

    async def _send(self) -> Report:
        """Run until nothing may be sent now; with ``wait``, until nothing waits."""
        saving = asyncio.get_running_loop().create_task(self._keep_saving())
        try:
            report = await self._send_once(self._errand.in_doubt)
            while await self._more_later(report):  # ends: each round waits for a moment to come
                report = await self._send_once("leave")  # what is in doubt was sent again once: that was asked for
        finally:
            saving.cancel()
            await asyncio.wait([saving])
        await self._latencies.save(self._store)
        return report

    async def _send_once(self, in_doubt: InDoubt) -> Report:
        self._store.begin()
        if self._stopping.is_set():
            return attrs.evolve(await self._outbox.report(), stopped="it was asked to stop")
        errand = self._errand
        return await self._outbox.run(
            self._client,
            limits=errand.limits,
            in_doubt=in_doubt,
            on_progress=lambda progress: self._display.progress(progress, self._store.held),
            connections=errand.connections,
            budget=errand.budget,
        )

    async def _more_later(self, report: Report) -> bool:
        """Wait for those who sleep; false where nobody is to be waited for."""
        until = self._store.held.until
        if not self._errand.wait or until is None or self._stopping.is_set() or _was_stopped(report):
            return False
        rows = self._store.held.rows - self._store.held.never
        self._display.say(f"{rows:,} are held because their recipients sleep; going on at {moment(until)}.")
        while not self._stopping.is_set():  # ends: when that moment has come
            left = (until - datetime.fromtimestamp(self._errand.clock(), UTC)).total_seconds()
            if left <= 0:
                return True
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, _LONGEST_WAIT)):
                    await self._stopping.wait()
        return False

    async def _keep_saving(self) -> None:
        while True:  # ends: with the run, which cancels it
            await asyncio.sleep(_SAVE_EVERY)
            await self._latencies.save(self._store)

    def _exit_code(self, report: Report) -> int:
        if self._stopping.is_set():
            show_sentence("Stopped. The same command goes on; what was accepted is not sent again.", self._console)
            return STOPPED
        if _was_stopped(report):
            show_sentence(f"Stopped: {(report.stopped or '').rstrip('.')}.", self._console)
            return STOPPED
        if report.failed or report.in_doubt or report.pending or self._errand.invalid:
            return NOT_ALL
        return ALL_ACCEPTED

    def _hear_signals(self) -> None:
        """Let Ctrl-C and SIGTERM stop the run."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            try:
                loop.add_signal_handler(number, self._stop)
            except NotImplementedError:  # the event loops of Windows
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._stop))

    @staticmethod
    def _hear_no_signals() -> None:
        """Let Ctrl-C do nothing: what is left is to end, and an end that is interrupted would not say what was sent."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    def _stop(self) -> None:
        if self._is_over:
            return
        if self._stopping.is_set():
            self._display.close()
            _leave_at_once()
        self._stopping.set()
        self._outbox.stop()
        self._display.say("Stopping: what is under way is waited for. Ctrl-C again stops at once.")


def _leave_at_once() -> Any:
    """End the process without waiting for anybody: what is under way will be found in doubt."""
    sys.stdout.flush()
    sys.stderr.write(
        "Stopped at once. Messages that were under way are in doubt: the next run finds\n"
        "and counts them, and does not send them again. The same command goes on.\n"
    )
    sys.stderr.flush()
    os._exit(STOPPED)


def _was_stopped(report: Report) -> bool:
    return report.stopped is not None and not report.stopped.startswith(_NOT_STOPPED)
