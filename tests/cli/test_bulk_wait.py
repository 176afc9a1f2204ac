"""``--wait``: a run that stays until those who sleep may be written to, on a clock that is moved by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from vonage_messages import Sms
from vonage_messages.bulk.latencies import Latencies
from vonage_messages.bulk.quiet_hours import QuietHours
from vonage_messages.bulk.screening import Screen
from vonage_messages.cli.bulk_display import Display
from vonage_messages.cli.bulk_run import ALL_ACCEPTED, NOT_ALL, Errand, _Run
from vonage_messages.limits.levels import Limits
from vonage_messages.sending.outbox import Outbox
from vonage_messages.simulator import Simulator

LONDON, NEW_YORK, NO_ZONE = "447911123456", "12125550123", "447700900000"
NIGHT = datetime(2026, 1, 15, 23, 0, tzinfo=UTC).timestamp()
MORNING = datetime(2026, 1, 16, 8, 0, tzinfo=UTC).timestamp()


class Night(Display):
    """It is night in London until the run says that it waits; then it is morning."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))
        self.said: list[str] = []
        self.now = NIGHT

    def say(self, sentence: str) -> None:
        self.said.append(sentence)
        if "are held" in sentence:
            self.now = MORNING


async def run(folder: Path, recipients: list[str], *, wait: bool) -> tuple[int, list[str], list[str]]:
    path, display = folder / "people.outbox", Night()
    async with Outbox.open(path) as outbox:
        await outbox.add([Sms(to=to, from_="Acme", text="Hi") for to in recipients], key=lambda each: each.to)
    errand = Errand(
        outbox=path,
        name="people.csv",
        screen=Screen(quiet_hours=QuietHours.parse("21:00-08:00")),
        limits=Limits.unlimited(),
        budget=None,
        in_doubt="leave",
        wait=wait,
        connections=4,
        clock=lambda: display.now,
    )
    async with Simulator(rate=None) as simulator:
        code = await _Run(errand, simulator.client(), Latencies(), display, Console(quiet=True)).execute()
        return code, [message.to for message in simulator.messages], display.said


async def test_run_that_waits_sends_to_those_who_sleep_in_the_morning(tmp_path: Path) -> None:
    code, sent, said = await run(tmp_path, [LONDON, NEW_YORK], wait=True)
    assert (code, sent) == (ALL_ACCEPTED, [NEW_YORK, LONDON])
    assert said == ["1 are held because their recipients sleep; going on at 2026-01-16 08:00 UTC."]


async def test_run_that_does_not_wait_leaves_them_held(tmp_path: Path) -> None:
    code, sent, said = await run(tmp_path, [LONDON, NEW_YORK], wait=False)
    assert (code, sent, said) == (NOT_ALL, [NEW_YORK], [])


async def test_nobody_waits_for_those_whose_morning_is_not_known(tmp_path: Path) -> None:
    code, sent, said = await run(tmp_path, [NO_ZONE], wait=True)
    assert (code, sent, said) == (NOT_ALL, [], [])
