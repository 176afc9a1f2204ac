"""
What the browser tests share: Chromium once for the session, a fresh profile and a watched page for each test.

Playwright's plain interface keeps a loop of its own in this thread, so everything of ours runs in the thread of the
fixtures: ``vonage_loop.submit(…).result()``. Nothing sleeps; what is to come is waited for.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from vonage_messages import Timeout
from vonage_messages.simulator import callbacks

from .watching import Watched

if TYPE_CHECKING:
    from vonage_messages import Message, SentMessage
    from vonage_messages.testing import LoopThread, RunningSimulator
    from vonage_messages.wire.payloads import ApiVersion

    Send = Callable[..., SentMessage]

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = (1280, 800)
NARROW = (390, 844)
WITHIN = 120_000
"""Milliseconds that a page, or Chromium to begin, may take for one thing: far more than it does on a busy machine."""

expect.set_options(timeout=WITHIN)  # it has patience of its own: five seconds

Open = Callable[..., Watched]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, without a window, with a profile that goes with it."""
    finder = Path(__file__).parent / "find-chromium.sh"
    found = subprocess.run([str(finder)], capture_output=True, text=True, timeout=600, check=False)  # noqa: S603  ours
    if found.returncode != 0:
        pytest.fail(found.stderr)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found.stdout.strip(), args=FLAGS, timeout=WITHIN)
        yield browser
        browser.close()


@pytest.fixture
def watch(browser: Browser, vonage_simulator: RunningSimulator) -> Iterator[Open]:
    """Open windows, each in a profile of its own, and check at the end that nothing went wrong in any."""
    opened: list[Watched] = []

    def settle() -> int:
        vonage_simulator.settle(timeout=WITHIN / 1000).result(WITHIN / 1000)
        return vonage_simulator.state.journal.last

    def watch(origin: str, size: tuple[int, int] = WIDE, **options: object) -> Watched:
        # A message that comes in while axe-core looks would be half there: nothing moves.
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce", **options
        )
        context.set_default_timeout(WITHIN)
        watched = Watched(context.new_page(), origin, settle)
        opened.append(watched)
        return watched

    yield watch
    try:
        for each in opened:
            each.check()
    finally:
        for each in opened:
            each.page.context.close()


@pytest.fixture(scope="session", autouse=True)
def patient_callbacks() -> Iterator[None]:
    """Let a callback take its time: what the platform would not wait for is tried again, which is one try more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(callbacks, "CONNECT_WITHIN", WITHIN / 1000)
        patch.setattr(callbacks, "ANSWER_WITHIN", WITHIN / 1000)
        yield


@pytest.fixture
def inbox(watch: Open, vonage_simulator: RunningSimulator) -> Watched:
    """A watched window on the simulator of the test."""
    return watch(vonage_simulator.url)


@pytest.fixture
def vonage_simulator_options() -> dict[str, object]:
    """Without a limit: some tests send everything there is at once."""
    return {"rate": None}


@pytest.fixture
def send(vonage_loop: LoopThread, vonage_simulator: RunningSimulator) -> Iterator[Send]:
    """Send a message to the simulator of the test, and wait for the answer. It is never repeated."""
    client = vonage_simulator.client(timeout=Timeout(connect=WITHIN / 1000, total=WITHIN / 1000))

    def send(message: Message, version: ApiVersion = "v1") -> SentMessage:
        return vonage_loop.submit(client.attempt(message, api_version=version)).result()

    yield send
    vonage_loop.submit(client.close()).result()
