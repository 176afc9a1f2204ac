"""The watcher itself: each kind of trouble that the other tests trust it to find, on a page that has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from aiohttp import web

from vonage_messages.simulator.stopping import stop_serving
from vonage_messages.testing import LoopThread

from .watching import Watched

STRICT = "default-src 'none'; script-src 'self'; img-src *; style-src 'self'"
GOOD = "<!doctype html><html lang=en><title>Good</title><main><h1>Good</h1></main>"
Serve = Callable[[str], str]


@pytest.fixture
def serve(vonage_loop: LoopThread) -> Iterator[Serve]:
    """A page behind a real server, under a policy as strict as the inbox's."""
    runners: list[web.AppRunner] = []

    async def started(body: str) -> str:
        async def page(_request: web.Request) -> web.Response:
            headers = {"Content-Security-Policy": STRICT}
            return web.Response(text=body, content_type="text/html", headers=headers)

        async def script(_request: web.Request) -> web.Response:
            return web.Response(text="throw new Error('a mistake')", content_type="text/javascript")

        async def icon(_request: web.Request) -> web.Response:
            return web.Response(body=b"", content_type="image/x-icon")

        application = web.Application()
        application.router.add_get("/", page)
        application.router.add_get("/wrong.js", script)
        application.router.add_get("/favicon.ico", icon)
        application.router.add_get("/picture.png", icon)
        runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield lambda body: vonage_loop.submit(started(body)).result()
    for runner in runners:
        vonage_loop.submit(stop_serving(runner)).result()


def opened(watch: Callable[[str], Watched], url: str) -> Watched:
    watched = watch(url)
    watched.open("/")
    return watched


def test_a_good_page_has_no_problem(serve: Serve, watch: Callable[[str], Watched]) -> None:
    opened(watch, serve(GOOD)).check_accessible("as it is")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<script>alert('ran')</script>", "policy: script-src-elem inline"),
        ("<p onclick=alert(1)>", "policy: script-src-attr inline"),
        ("<p style='color: red'>", "policy: style-src-attr inline"),
        ("<script src=/wrong.js></script>", "script: a mistake"),
        ("<script src=/missing.js></script>", "console: Failed to load resource"),
    ],
)
def test_trouble_of_a_page_is_found(serve: Serve, watch: Callable[[str], Watched], body: str, problem: str) -> None:
    watched = opened(watch, serve(GOOD + body))

    with pytest.raises(AssertionError, match=problem):
        watched.check()
    watched.problems.clear()


def test_a_script_that_runs_is_found(serve: Serve, watch: Callable[[str], Watched]) -> None:
    watched = opened(watch, serve(GOOD))
    watched.page.evaluate("alert('ran')")

    with pytest.raises(AssertionError, match="alert: ran"):
        watched.check()
    watched.problems.clear()


def test_a_request_to_another_host_is_found(serve: Serve, watch: Callable[[str], Watched]) -> None:
    other = serve(GOOD)
    watched = opened(watch, serve(f"{GOOD}<img alt='' src='{other}/picture.png'>"))

    with pytest.raises(AssertionError, match=r"a request to another host: .*/picture\.png"):
        watched.check()
    watched.strangers.clear()


def test_a_barrier_is_found_and_named(serve: Serve, watch: Callable[[str], Watched]) -> None:
    watched = opened(watch, serve(f"{GOOD}<main><img src='/picture.png'><input></main>"))

    with pytest.raises(AssertionError, match=r"(?s)in the state: wrong.*image-alt.*label"):
        watched.check_accessible("wrong")
