"""A ledger is opened with its own cipher, and closed after what was asked of it."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from cryptography.fernet import Fernet, MultiFernet

from vonage_messages import errors
from vonage_messages.ledger import Addition, LedgerStore, State

from .rows import NOW, Another, Rows, new, only

# Encrypted -----------------------------------------------------------------------------------------------------------


async def test_cipher_gives_back_what_it_hides(another: Another) -> None:
    fernet = Fernet(Fernet.generate_key())
    given = new("a", b'{"text":"the secret"}', recipient="447700900000")
    async with another(cipher=fernet) as store:
        assert (await store.add([given], now=NOW)).new == 1
        await store.save_limit_states({"pair 447700900000": b"the secret"})
    async with another(cipher=MultiFernet([Fernet(Fernet.generate_key()), fernet])) as store:
        assert (await only(store)).payload == given.payload
        assert await store.limit_states() == {"pair 447700900000": b"the secret"}
        assert await store.add([given], now=NOW) == Addition(repeated=1)
        assert len((await store.add([new("a", b"{}")], now=NOW)).conflicts) == 1
        await store.save_limit_states({"pair 447700900000": None})
        assert await store.limit_states() == {}
        assert await store.purge(recipient="+447700900000") == 1


async def test_ledger_is_opened_only_with_the_cipher_it_was_made_with(another: Another) -> None:
    async with another(cipher=Fernet(Fernet.generate_key())):
        pass
    for cipher, sentence in [(None, "needs the cipher"), (Fernet(Fernet.generate_key()), "another key")]:
        with pytest.raises(errors.OutboxError, match=sentence):
            await another(cipher=cipher).open()


async def test_plain_ledger_is_not_opened_with_a_cipher(store: LedgerStore, another: Another) -> None:
    await store.add([new("a")], now=NOW)
    with pytest.raises(errors.OutboxError, match="not encrypted"):
        await another(cipher=Fernet(Fernet.generate_key())).open()
    await store.counts()


async def test_cipher_that_gives_back_something_else_is_refused(another: Another) -> None:
    async with another(cipher=Broken()):
        pass
    with pytest.raises(errors.OutboxError, match="does not give back"):
        await another(cipher=Broken()).open()


@dataclasses.dataclass
class Broken:
    """A cipher that does not give back what it was given."""

    def encrypt(self, data: bytes) -> bytes:
        return data

    def decrypt(self, token: bytes) -> bytes:
        return token[1:]


# Opening and closing -------------------------------------------------------------------------------------------------


async def test_store_that_is_not_open_says_so(another: Another) -> None:
    store = another()
    with pytest.raises(errors.OutboxError, match="not open"):
        await store.counts()
    await store.open()
    with pytest.raises(errors.OutboxError, match="open already"):
        await store.open()
    await store.close()
    await store.close()
    with pytest.raises(errors.OutboxError, match="not open"):
        await store.counts()


async def test_cancelled_caller_does_not_undo_what_it_asked_for(store: LedgerStore, some: Rows) -> None:
    calls = [asyncio.create_task(store.add(some(number, 1), now=NOW)) for number in range(20)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert (await store.counts())[State.PENDING] == 20


async def test_closing_does_first_what_was_asked_for(another: Another, some: Rows) -> None:
    store = another()
    await store.open()
    calls = [asyncio.create_task(store.add(some(number, 1), now=NOW)) for number in range(20)]
    await asyncio.sleep(0)
    await store.close()
    assert [answer.new for answer in await asyncio.gather(*calls)] == [1] * 20
