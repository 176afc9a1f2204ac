"""The account of the file, in the notes of its outbox."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from vonage_messages import ConfigurationError
from vonage_messages.bulk.journal import PART, Fate, Journal, KnownRows, RowRecord, number_of, outbox_key
from vonage_messages.errors import OutboxError
from vonage_messages.sending.outbox import Outbox
from vonage_messages.stores.sqlite.ledger import SqliteLedgerStore

KEY = "0123456789abcdef"


async def test_campaign_has_one_id_for_good(outbox: Outbox) -> None:
    journal = Journal(outbox.store)
    assert await journal.existing_campaign() is None
    made = await journal.campaign()
    assert len(made) == 32
    assert await journal.campaign() == await journal.campaign(made) == await journal.existing_campaign() == made


async def test_outbox_of_another_campaign_is_refused(outbox: Outbox) -> None:
    journal = Journal(outbox.store)
    assert await journal.campaign("spring") == "spring"
    with pytest.raises(ConfigurationError, match="belongs to the campaign 'spring', not 'autumn'"):
        await journal.campaign("autumn")


class LateStore(SqliteLedgerStore):
    """A store whose process stands still when it has found nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.looked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def note(self, name: str, /) -> str | None:
        found = await super().note(name)
        self.looked.set()
        if found is None:
            await self.go_on.wait()
        return found


async def test_two_runs_that_begin_at_one_moment_never_both_have_their_campaign(tmp_path: Path) -> None:
    path = tmp_path / "both.outbox"
    async with SqliteLedgerStore(path) as store, LateStore(path) as late:
        second = asyncio.create_task(Journal(late).campaign("second"))
        await late.looked.wait()
        assert await Journal(store).campaign("first") == "first"
        late.go_on.set()
        with pytest.raises(ConfigurationError, match="belongs to the campaign 'first', not 'second'"):
            await second


async def test_rows_come_back_as_they_were_written(outbox: Outbox) -> None:
    journal = Journal(outbox.store)
    first = [RowRecord(number=number, line=number + 1, fate=Fate.ADDED, key=KEY) for number in range(1, PART + 1)]
    second = [RowRecord(number=PART + 1, line=9_999, fate=Fate.INVALID, why="to: is required")]
    await journal.write(0, first)
    await journal.write(1, second)
    assert [record async for record in journal.records()] == first + second


async def test_known_rows_tell_which_were_added_under_which_key(outbox: Outbox) -> None:
    journal = Journal(outbox.store)
    records = [
        RowRecord(number=1, line=2, fate=Fate.ADDED, key=KEY),
        RowRecord(number=2, line=3, fate=Fate.DUPLICATE, why="line 2"),
    ]
    await journal.write(0, records, adding=[1])
    known = await journal.known_rows()
    assert len(known) == 2
    assert known.adding == {1}
    assert [known.was_added(number) for number in (1, 2, 3)] == [True, False, False]
    assert known.is_same(1, KEY + "more of the key")
    assert not known.is_same(1, "f" * 32)


def test_number_that_no_row_has_is_not_done() -> None:
    known = KnownRows()
    known.finish(7)
    known.finish(0)
    assert not known.is_done(7)


@pytest.mark.parametrize("key", ["447700900000", "-1-x", "x-1", "", "\u0661-x", "9" * 20 + "-x"])
def test_key_of_a_row_that_came_from_no_file_has_no_number(key: str) -> None:
    assert number_of(key) == 0


def test_number_of_a_row_stands_in_its_key() -> None:
    assert number_of(outbox_key(200_000, KEY)) == 200_000


async def test_damaged_account_is_one_sentence(outbox: Outbox, tmp_path: Path) -> None:
    await outbox.store.write_note("bulk rows 0", "{broken")
    with pytest.raises(OutboxError, match="account of its file that cannot be read"):
        await Journal(outbox.store).known_rows()
    assert (tmp_path / "people.outbox").exists()
