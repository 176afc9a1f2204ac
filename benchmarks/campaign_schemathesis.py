"""
Throw made-up requests at both APIs of the simulator, as their OpenAPI documents describe them: nothing answers 500.

Schemathesis reads each document and makes requests that fit it and requests that do not, over HTTP, with the
credentials of the simulated application. It checks that no answer is a 5xx, that status, content type, headers and body
are those that the document names, and that what does not fit is refused. You will see a line for each run, and a sum.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import aiohttp
import jwt

from vonage_messages.clock import ManualClock
from vonage_messages.simulator import Simulator

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection"
)
PATIENCE = 30 * 60
"""Seconds that one run may take."""
A_DAY = 24 * 60 * 60


class Run(NamedTuple):
    """One run of Schemathesis, and what it found."""

    name: str
    cases: int
    passed: bool
    seconds: float
    output: str


async def run(name: str, document: dict[str, Any], simulator: Simulator, *options: str) -> Run:
    """Let Schemathesis try *document* on *simulator*."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "openapi.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            Path(sys.executable).with_name("schemathesis"),
            *("run", str(path), "--url", simulator.url, "--checks", CHECKS, "--no-color", "--warnings", "off"),
            *("--header", f"Authorization: Bearer {token(simulator)}", "--generation-database", "none"),
            *("--suppress-health-check", "all", *options),
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    said = output.decode()
    found = re.search(r"([0-9]+) generated", said)
    return Run(name, int(found[1]) if found else 0, process.returncode == 0, time.monotonic() - begun, said)


def token(simulator: Simulator) -> str:
    """Make a token that outlives the campaign."""
    now = int(time.time())
    claims = {"application_id": simulator.application_id, "iat": now, "exp": now + A_DAY - 60, "jti": str(uuid4())}
    return jwt.encode(claims, simulator.private_key, algorithm="RS256")


async def served(simulator: Simulator, path: str) -> dict[str, Any]:
    """Fetch a document from the simulator that serves it."""
    async with aiohttp.ClientSession() as session, session.get(simulator.url + path) as response:
        document: dict[str, Any] = await response.json()
        return document


def without_chains(document: dict[str, Any]) -> dict[str, Any]:
    """Cut failover chains to plain objects: one that systematically tries every member never gets through them."""
    for schema in document["components"]["schemas"].values():
        if "failover" in schema.get("properties", {}):
            schema["properties"]["failover"] = {"type": "array", "minItems": 1, "items": {"type": "object"}}
    return document


def without_stream(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out the stream of events, which does not end by itself."""
    del document["paths"]["/_simulator/events"]
    return document


async def campaign(cases: int, *options: str) -> list[Run]:
    """Try both documents with about *cases* requests; few of them leave out what tries every member in turn."""
    thorough = cases >= 1000  # noqa: PLR2004  below that a run is to take seconds
    share = cases // 2
    async with Simulator(rate=None) as simulator, Simulator(rate=None, clock=ManualClock()) as controlled:
        simulator.state.add_inbound("whatsapp", "known")
        controlled._control.longest_wait = 0.01  # noqa: SLF001  no request is to wait for messages that nobody sends
        messages = await served(simulator, "/openapi.json")
        control = without_stream(await served(controlled, "/_simulator/openapi.json"))
        operations = sum(map(len, control["paths"].values()))
        phases = "coverage,fuzzing,stateful" if thorough else "fuzzing"
        fuzz = ["--phases", "fuzzing", "--max-examples", str(max(1, share // 4))]
        try_all = ["--phases", phases, "--max-examples", str(max(1, share // operations))]
        runs = await asyncio.gather(
            run("simulated API", messages, simulator, *fuzz, *options),
            run("control API", control, controlled, *try_all, *options),
        )
        if thorough:
            cut = without_chains(messages)
            runs.append(await run("simulated API, every member", cut, simulator, "--phases", "coverage", *options))
        return runs


def main() -> int:
    """Run the campaign."""
    # Schemathesis first asks whether the server takes a NUL in a header. It does not, and says so at length.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5000, help="how many requests, about (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="makes up the same requests again (default: others each time)")
    given = parser.parse_args()
    seed = () if given.seed is None else ("--seed", str(given.seed))
    runs = asyncio.run(campaign(given.cases, *seed))
    for each in runs:
        print(f"{each.name}: {each.cases} requests in {each.seconds:.0f} s, {'passed' if each.passed else 'FAILED'}")
        if not each.passed:
            print(each.output)
    print(f"{sum(each.cases for each in runs)} requests")
    return 0 if all(each.passed and each.cases for each in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
