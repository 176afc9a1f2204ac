"""What is tested here holds for every ledger, whichever database keeps it: each test runs on both."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from vonage_messages.ledger import LedgerStore

from .rows import Another


@pytest.fixture(params=["sqlite", "postgres"])
def another(request: pytest.FixtureRequest) -> Another:
    return request.getfixturevalue(f"another_on_{request.param}")


@pytest.fixture
async def store(another: Another) -> AsyncIterator[LedgerStore]:
    async with another() as opened:
        yield opened
