"""
Random lives of an outbox: runs that are cancelled, stopped and killed, clocks that jump, files that are opened again.

A crash is what a file looks like at some moment, and nothing of the process that wrote it: the files are copied, and
the process goes on without anybody. So crashes come between any two steps, by the hundred; ``kill -9`` of real
processes is in ``test_outbox_processes.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import strategies as st

from vonage_messages.channels.sms import Sms
from vonage_messages.clients.retry import RetryPolicy
from vonage_messages.errors import (
    AuthenticationError,
    ConnectError,
    OutboxError,
    RateLimitedError,
    ResponseLostError,
    ServerError,
    StoreUnavailableError,
    ValidationError,
)
from vonage_messages.ledger import State
from vonage_messages.limits.levels import Limits
from vonage_messages.limits.rate import Rate
from vonage_messages.sending import outbox_run
from vonage_messages.sending.outbox import Outbox
from vonage_messages.sending.outbox_limits import LimitsInLedger
from vonage_messages.stores.sqlite import writer as writing
from vonage_messages.stores.sqlite.ledger import SqliteLedgerStore
from vonage_messages.webhooks import parse_status
from vonage_messages.wire.rest import SentMessage

RATE = Rate(4, per=1.0, burst=6)
COMMIT = 0.02
"""Virtual seconds that a commit takes, and as many until the caller hears of it."""

ANSWERS = {
    "refused": lambda: RateLimitedError(retry_after=1.0),
    "unreachable": lambda: ConnectError("no connection"),
    "lost": lambda: ResponseLostError("lost"),
    "lost_and_accepted": lambda: ResponseLostError("lost"),
    "server": lambda: ServerError(500),
    "invalid": lambda: ValidationError(422),
    "account": lambda: AuthenticationError(401),
}


class OwnThread:
    """What the writer of a store does, on the loop: its commits take virtual time, and a crash comes at any of them."""

    def __init__(self, path: Path, open_file: Any) -> None:
        self._path = path
        self._open_file = open_file
        self._file: Any = None
        self._calls: list[Any] = []
        self._is_due = False
        self._ending = False

    async def start(self) -> None:
        self._file = self._open_file()
        self._file.connection.execute("PRAGMA synchronous = OFF")  # nobody pulls the plug of this machine
        await asyncio.sleep(COMMIT)

    def submit(self, kind: Any, asked: Any) -> asyncio.Future[Any]:
        if self._ending:
            raise writing.closed(self._path)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls.append(writing._Call(kind, asked, future))
        self._serve_soon()
        return future

    async def stop(self) -> None:
        self._ending = True
        try:
            while self._is_due:  # noqa: ASYNC110  a few commits
                await asyncio.sleep(COMMIT)
        finally:
            self._serve_all()
            self._file.close()

    def abandon(self) -> None:
        self._ending = True

    def _serve_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_later(COMMIT, self._serve)

    def _serve(self) -> None:
        self._is_due = False
        for call in self._serve_all():
            asyncio.get_running_loop().call_later(COMMIT, writing._settle, call.future, call.value, call.error)
        if self._calls:
            self._serve_soon()

    def _serve_all(self) -> list[Any]:
        calls, self._calls = self._calls, []
        for is_alone, some in itertools.groupby(calls, writing._is_alone):
            (writing._alone if is_alone else writing._together)(self._file, list(some))
        return calls


class Store(SqliteLedgerStore):
    async def open(self) -> None:
        if self._writer is not None:
            raise OutboxError("open already")
        thread: Any = OwnThread(self._path, self._open_file)
        self._writer = thread
        try:
            await thread.start()
        except BaseException:
            self._writer = None
            raise


@attrs.define(eq=False)
class Life:
    """A process: what dies with it."""

    path: Path
    outbox: Outbox
    alive: bool = True
    run: asyncio.Task[Any] | None = None
    tasks: list[asyncio.Task[Any]] = attrs.field(factory=list)
    under_way: dict[str, str] = attrs.field(factory=dict)
    """The answer that each request under way will have."""


class OutboxHistory:
    """Every row that was taken in has exactly one end, and no row is sent twice."""

    def __init__(self, histories: Any, folder: Path, *, answers: list[str], locks: bool, limited: bool) -> None:
        self.counted: Counter[str] = histories.counted
        self.folder = Path(tempfile.mkdtemp(dir=folder))
        self.clocks = histories.clocks()
        self.answers = ["accepted", *answers]
        self.locks = locks
        self.limits = Limits(account=RATE) if limited else Limits.unlimited()
        self.asked = 0
        self.accepted: Counter[str] = Counter()
        self.may_be_repeated: Counter[str] = Counter()
        self.departures: list[float] = []
        self.taken_in: set[str] = set()
        self.perhaps_taken_in: set[str] = set()
        self.lives = 0
        self.keeps_rate = True
        """Whether what a run leaves behind says how much of the rate is used."""
        self.patch = pytest.MonkeyPatch()
        # The clock of an outbox is for its leases; limits go by that of the machine.
        self.patch.setattr(outbox_run, "LimitsInLedger", partial(LimitsInLedger, clock=self.clocks.wall))
        self.counted["histories of an outbox"] += 1
        self.open(self.folder / "0" / "campaign.db")

    # The process, and its end ---------------------------------------------------------------------------------------

    def open(self, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        self.life = Life(path, Outbox(Store(path), clock=self.clocks.wall))
        self.clocks.run(self.life.outbox.__aenter__())
        found = {row.ref for row in self.rows()}
        assert self.taken_in <= found, "rows have vanished"
        assert found <= self.taken_in | self.perhaps_taken_in
        self.taken_in, self.perhaps_taken_in = found, set()

    def crash(self, arriving: int) -> None:
        """Leave files behind, and nothing else; requests under way may arrive, or not."""
        self.counted["crashes of an outbox"] += 1
        life = self.life
        self.counted["requests under way in a crash"] += len(life.under_way)
        life.alive = False
        for number, (ref, answer) in enumerate(life.under_way.items()):
            if answer in ("accepted", "lost_and_accepted") and arriving >> number & 1:
                self.accept(ref)
        self.lives += 1
        new = self.folder / str(self.lives)
        new.mkdir()
        for file in life.path.parent.iterdir():
            if not file.name.endswith("-shm") and (self.locks or "-owner-" not in file.name):
                shutil.copyfile(file, new / file.name)
        self.clocks.end_all_tasks()
        with contextlib.suppress(Exception):
            self.clocks.run(life.outbox.__aexit__(None, None, None))
        self.clocks.begin_again()
        self.open(new / "campaign.db")

    def close_and_open(self) -> None:
        """End in good order, and begin again."""
        self.end_life()
        self.clocks.begin_again()
        self.open(self.life.path)

    def end_of_loop(self) -> None:
        """Let the loop end with all that is under way, as ``asyncio.run`` does; the file is closed behind it."""
        self.counted["loops that ended"] += 1
        self.clocks.end_all_tasks()
        self.close_and_open()

    def end_life(self) -> None:
        life = self.life
        for task in (*life.tasks, *([life.run] if life.run is not None else [])):
            task.cancel()
            self.clocks.run(asyncio.wait([task]))
        self.clocks.run(life.outbox.__aexit__(None, None, None))
        assert life.under_way == {}

    # What a program does --------------------------------------------------------------------------------------------

    def add(self, number: int, again: bool, waits: bool) -> None:
        known = sorted(self.taken_in)[:number] if again else []
        fresh = [f"row-{len(self.taken_in) + len(self.perhaps_taken_in) + each}" for each in range(number)]
        refs = [*known, *fresh]
        self.perhaps_taken_in |= set(fresh)
        adding = self.start(self.life.outbox.add([sms(ref) for ref in refs]))
        if waits:
            self.clocks.run(asyncio.wait([adding]))

    def begin_to_run(self, connections: int, max_wait: float | None, seconds: float) -> None:
        if self.is_running():
            return
        self.counted["runs"] += 1
        self.life.run = self.start(self.run(self.life, connections=connections, max_wait=max_wait))
        self.clocks.let_pass(seconds)

    async def run(self, life: Life, **options: Any) -> Any:
        client: Any = Platform(self, life)
        try:
            return await life.outbox.run(client, limits=self.limits, max_outage=20.0, **options)
        except StoreUnavailableError:
            if life.alive:
                raise

    def is_running(self) -> bool:
        return self.life.run is not None and not self.life.run.done()

    def cancel_the_run(self, times: int) -> None:
        self.counted["runs that were cancelled"] += self.is_running()
        for _ in range(times):
            if self.life.run is not None:
                self.life.run.cancel()
                self.clocks.run(asyncio.sleep(0))

    def stop(self) -> None:
        self.life.outbox.stop()

    def cancel_somebody(self, number: int) -> None:
        """Break off an add, a run, or what a person asked for."""
        going_on = [task for task in self.life.tasks if not task.done()]
        if going_on:
            going_on[number % len(going_on)].cancel()

    def person(self, what: str) -> None:
        self.start(getattr(self.life.outbox, what)())

    def resend(self) -> None:
        """Take the risk: what is in doubt now may be sent once more."""
        self.may_be_repeated.update(row.ref for row in self.rows(State.IN_DOUBT, State.SENDING))
        self.clocks.run(self.life.outbox.resend())

    def status_comes(self, number: int) -> None:
        refs = sorted(self.accepted)
        if not refs:
            return
        self.clocks.run(self.life.outbox.settle(delivered(refs[number % len(refs)])))

    def time_passes(self, seconds: float) -> None:
        self.clocks.let_pass(seconds)

    def machine_sleeps(self, seconds: float) -> None:
        self.counted["jumps of clocks"] += 1
        self.clocks.sleep_through(seconds)

    def clock_of_the_wall_jumps(self, seconds: float) -> None:
        self.counted["jumps of clocks"] += 1
        self.clocks.apart += seconds
        self.keeps_rate = self.keeps_rate and seconds < 0  # forward, nobody can know that the time did not pass

    # What comes of it -----------------------------------------------------------------------------------------------

    def start(self, work: Any) -> asyncio.Task[Any]:
        async def begin() -> asyncio.Task[Any]:
            return asyncio.ensure_future(work)

        task: asyncio.Task[Any] = self.clocks.loop.run_until_complete(begin())
        self.life.tasks.append(task)
        return task

    def rows(self, *states: State) -> list[Any]:
        async def read() -> list[Any]:
            return [row async for row in self.life.outbox.rows(*states)]

        rows: list[Any] = self.clocks.run(read())
        return rows

    def accept(self, ref: str) -> None:
        self.accepted[ref] += 1
        assert self.accepted[ref] <= 1 + self.may_be_repeated[ref], f"{ref} was sent twice"
        self.counted["messages of an outbox that were accepted"] += 1

    def close(self) -> None:
        self.patch.undo()
        self.clocks.close()
        shutil.rmtree(self.folder)

    def finish(self) -> None:
        self.end_life()
        assert not [task for task in asyncio.all_tasks(self.clocks.loop) if not task.done()]
        self.open(self.life.path)
        self.answers = ["accepted"]
        for _ in range(4):
            self.clocks.let_pass(200.0)  # behind every lease that was written under the clock as it is
            self.clocks.run(self.run(self.life))
        if not self.locks:
            self.clocks.let_pass(500_000.0)  # a lease that ends on a day to come
            self.clocks.run(self.run(self.life))
        counts: Counter[State] = Counter()
        for row in self.rows():
            counts[row.state] += 1
            times = self.accepted[row.ref]
            if row.state is State.ACCEPTED:
                assert times >= 1
            elif row.state in (State.FAILED, State.CANCELLED):
                assert times <= self.may_be_repeated[row.ref]
            else:
                assert row.state is State.IN_DOUBT, row
        assert counts.total() == len(self.taken_in)
        self.counted["rows"] += counts.total()
        self.counted["rows in doubt"] += counts[State.IN_DOUBT]
        if self.keeps_rate and self.limits.account:
            self.check_rate()
        self.clocks.run(self.life.outbox.__aexit__(None, None, None))

    def check_rate(self) -> None:
        for begin, first in enumerate(self.departures):
            for number, last in enumerate(self.departures[begin:], start=1):
                assert number <= RATE.most_in(last - first) + 1e-6, (first, last, number)


class Platform:
    """What a run needs of a client; what it does counts for as long as its process lives."""

    def __init__(self, history: OutboxHistory, life: Life) -> None:
        self._history = history
        self._life = life
        self.limiter = None
        self.retry = RetryPolicy()

    async def attempt(self, message: Any, *, api_version: str | None = None) -> SentMessage:
        del api_version
        history, life = self._history, self._life
        ref = str(message.payload["client_ref"])
        if not life.alive:
            raise ConnectError("the process is gone")
        history.asked += 1
        answer = history.answers[history.asked % len(history.answers)]
        history.departures.append(history.clocks.now())
        life.under_way[ref] = answer
        try:
            await asyncio.sleep(0.1 * (1 + history.asked % 4))
            if life.alive and answer in ("accepted", "lost_and_accepted"):
                history.accept(ref)
        finally:
            del life.under_way[ref]
        if answer != "accepted":
            raise ANSWERS[answer]()  # noqa: RSE102  it makes one
        return SentMessage(message_uuid=f"uuid-{ref}")


def sms(ref: str) -> Sms:
    return Sms(to=str(447700900000 + int(ref.removeprefix("row-"))), from_="Acme", text=ref, client_ref=ref)


def delivered(ref: str) -> Any:
    return parse_status(
        {
            "message_uuid": f"uuid-{ref}",
            "client_ref": ref,
            "to": "447700900000",
            "from": "Acme",
            "timestamp": "2026-01-01T14:00:00.000Z",
            "status": "delivered",
            "channel": "sms",
        }
    )


MOMENTS = st.sampled_from([0.05, 0.1, 0.15, 0.2, 0.22, 0.24, 0.26, 0.28, 0.3, 0.32, 0.35, 0.4, 0.5, 0.7, 1.2, 3.0])
ACTIONS = st.one_of(
    *2 * [st.tuples(st.just("add"), st.integers(1, 16) | st.just(50), st.booleans(), st.booleans())],
    *6
    * [
        st.tuples(
            st.just("begin_to_run"),
            st.sampled_from([1, 3, 8]),
            st.sampled_from([None, None, 0.5]),
            MOMENTS,
        )
    ],
    *3 * [st.tuples(st.just("time_passes"), MOMENTS | st.sampled_from([0.0, COMMIT, 70.0]))],
    st.tuples(st.just("machine_sleeps"), st.sampled_from([0.5, 30.0, 100_000.0])),
    st.tuples(
        st.just("clock_of_the_wall_jumps"), st.sampled_from([-100_000.0, -3600.0, -30.0, -2.0, 2.0, 3600.0, 100_000.0])
    ),
    *2 * [st.tuples(st.just("crash"), st.integers(0, 255))],
    st.tuples(st.just("cancel_the_run"), st.integers(1, 2)),
    st.tuples(st.just("cancel_somebody"), st.integers(0, 50)),
    st.tuples(st.sampled_from(["stop", "close_and_open", "end_of_loop", "resend"])),
    st.tuples(st.just("person"), st.sampled_from(["retry", "cancel", "report"])),
    st.tuples(st.just("status_comes"), st.integers(0, 50)),
)
SETTING = st.fixed_dictionaries(
    {
        "answers": st.lists(st.sampled_from(["accepted", "accepted", *ANSWERS]), max_size=6),
        "locks": st.booleans(),
        "limited": st.booleans(),
    }
)


def test_every_row_has_one_end_and_none_is_sent_twice(histories: Any, tmp_path: Path) -> None:
    histories.play(
        lambda *given, **setting: OutboxHistory(*given, tmp_path, **setting), SETTING, ACTIONS, examples=10, steps=40
    )


def test_rate_holds_when_the_clock_is_set_back_during_a_run_that_is_then_killed(histories: Any, tmp_path: Path) -> None:
    history = OutboxHistory(histories, tmp_path, answers=[], locks=True, limited=True)
    history.add(64, False, True)
    history.begin_to_run(8, None, 0.5)
    history.clock_of_the_wall_jumps(-3600.0)
    history.time_passes(3.2)
    history.crash(0)
    history.begin_to_run(8, None, 0.5)
    history.finish()
    history.close()
