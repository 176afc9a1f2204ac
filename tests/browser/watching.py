"""A watched page: errors of its scripts, violations of its policy, requests that leave, and what axe-core finds."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import attrs
from playwright.sync_api import ConsoleMessage, Page, Request

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")

_NOTE_PROBLEMS = """
document.addEventListener("securitypolicyviolation", (event) =>
    window.noteProblem(`policy: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
for (const name of ["alert", "confirm", "prompt"]) {
    window[name] = (text) => window.noteProblem(`${name}: ${text}`);
}
"""
"""Runs before any script of a page. What a message may not do is run; a payload that runs calls ``alert`` or throws."""

_TOLD = "new Promise((done) => setTimeout(() => setTimeout(() => done(null))))"
"""Over when what was waiting to run has run: a violation of the policy is told by an event of its own, later."""

_SHOWN = """
(number) => {
    const panes = document.getElementById("panes");
    const lists = [...document.querySelectorAll("ul.standing[id]")];
    return (!panes || Number(panes.dataset.number) >= number) && lists.every((each) => each.children.length);
}
"""
"""Whether the inbox shows what has happened up to an entry of the journal, and the settings what is in their lists."""

_ENDED = "Promise.all(document.getAnimations().map((each) => each.finished.catch(() => null))).then(() => null)"


@attrs.define(eq=False, slots=False)  # Playwright sets attributes on whoever listens
class Watched:
    """One page, and everything that went wrong on it so far."""

    page: Page
    origin: str
    settle: Callable[[], int]
    """Waits until nothing more happens behind the page, and gives the number of the last entry of the journal."""
    problems: list[str] = attrs.field(factory=list)
    strangers: list[str] = attrs.field(factory=list)
    """Requests to other hosts."""
    expected: list[str] = attrs.field(factory=list)
    """Patterns of console errors that a test provokes."""

    def __attrs_post_init__(self) -> None:
        self.page.expose_function("noteProblem", self._on_problem)
        self.page.add_init_script(_NOTE_PROBLEMS)
        self.page.on("pageerror", lambda error: self.problems.append(f"script: {error}"))
        self.page.on("console", self._on_console)
        self.page.on("request", self._on_request)

    def open(self, path: str) -> None:
        """Go to a page of the simulator."""
        answer = self.page.goto(self.origin + path)
        if answer is None or not answer.ok:
            raise AssertionError(f"{path}: {answer and answer.status}")

    def check(self) -> None:
        """Check that nothing has gone wrong on this page so far."""
        self.page.evaluate(_TOLD)  # what the page has told before this is heard now
        wrong = [*self.problems, *(f"a request to another host: {url}" for url in self.strangers)]
        if wrong:
            raise AssertionError("\n".join(wrong))

    def check_accessible(self, state: str) -> None:
        """Let axe-core look at the page as it is now; *state* names it in a failure."""
        # A change of the page while axe-core looks would be half in what it finds.
        self.page.wait_for_function(_SHOWN, arg=self.settle(), polling=50)
        self.page.evaluate(_ENDED)  # in the middle of a transition colours are neither here nor there
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE)
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        if found["violations"]:
            raise AssertionError("\n".join([f"in the state: {state}", *described(found["violations"])]))
        self.check()

    def _on_problem(self, text: str) -> None:
        self.problems.append(text)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not any(re.search(each, message.text) for each in self.expected):
            self.problems.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _on_request(self, request: Request) -> None:
        scheme = urlsplit(request.url).scheme
        if scheme not in {"data", "blob", "about"} and not request.url.startswith(self.origin + "/"):
            self.strangers.append(request.url)


def described(violations: list[dict[str, Any]]) -> list[str]:
    """Write down what axe-core found: the rule, and where."""
    return [
        f"{each['id']} ({each['impact']}): {node['target']} {node['html'][:200]} {node.get('failureSummary', '')}"
        for each in violations
        for node in each["nodes"]
    ]
