"""Limits in a file: whole or not at all, for its owner only, and with words for what goes wrong."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from vonage_messages.errors import StoreUnavailableError
from vonage_messages.stores.file import FileLimitStore

SNAPSHOT = {"version": 1, "saved_at": 1.5, "last": True, "ready": {"account": 2.5}, "counted": {}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the limits are going to be."""
    return tmp_path / "limits.json"


def names_beside(path: Path) -> list[str]:
    return [each.name for each in path.parent.iterdir()]


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_what_was_saved_is_loaded(path: Path) -> None:
    await FileLimitStore(path).save(SNAPSHOT)
    assert await FileLimitStore(str(path)).load() == SNAPSHOT


async def test_file_that_is_not_there_holds_nothing(path: Path) -> None:
    assert await FileLimitStore(path).load() is None


async def test_last_save_stays(path: Path) -> None:
    store = FileLimitStore(path)
    for number in range(5):
        await store.save({"number": number})
    assert await store.load() == {"number": 4}


async def test_only_the_owner_may_read_it_and_nothing_is_left_beside_it(path: Path) -> None:
    await FileLimitStore(path).save(SNAPSHOT)
    assert mode_of(path) == 0o600
    assert names_beside(path) == [path.name]


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe", b"[1]", b"null", b"5"])
def test_file_that_holds_no_limits_is_refused(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    with pytest.raises(StoreUnavailableError, match="holds no limits"):
        asyncio.run(FileLimitStore(path).load())
    assert path.read_bytes() == text


def test_folder_in_the_place_of_the_file_is_an_error_of_the_store(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StoreUnavailableError, match="cannot be read"):
        asyncio.run(FileLimitStore(path).load())
    with pytest.raises(StoreUnavailableError, match="cannot be kept"):
        asyncio.run(FileLimitStore(path).save(SNAPSHOT))
    assert names_beside(path) == [path.name]


async def test_folder_that_is_missing_is_an_error_of_the_store(path: Path) -> None:
    store = FileLimitStore(path.parent / "missing" / "limits.json")
    assert await store.load() is None
    with pytest.raises(StoreUnavailableError, match="No such file"):
        await store.save(SNAPSHOT)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full is a speciality of Linux")
async def test_full_disk_keeps_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FileLimitStore(path)
    await store.save(SNAPSHOT)
    opened = os.open
    monkeypatch.setattr(
        os,
        "open",
        lambda file, flags, *rest: opened("/dev/full" if str(file).endswith(".new") else file, flags, *rest),
    )
    with pytest.raises(StoreUnavailableError, match="No space left"):
        await store.save({"number": 2})
    monkeypatch.undo()
    assert await store.load() == SNAPSHOT


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")
async def test_link_in_the_place_of_the_new_file_is_not_followed(path: Path) -> None:
    victim = path.parent / "victim"
    victim.write_text("precious")
    path.with_name(f"{path.name}.{os.getpid()}.new").symlink_to(victim)
    with pytest.raises(StoreUnavailableError):
        await FileLimitStore(path).save(SNAPSHOT)
    assert victim.read_text() == "precious"


async def test_saves_of_callers_who_left_do_not_mix(path: Path) -> None:
    store = FileLimitStore(path)
    large = {"keys": {f"pair whatsapp/{number}": float(number) for number in range(20_000)}}
    saves = [asyncio.create_task(store.save({**large, "number": number})) for number in range(6)]
    await asyncio.sleep(0.005)
    for save in saves[::2]:
        save.cancel()
    await asyncio.gather(*saves, return_exceptions=True)
    await store.save({**large, "number": 6})
    loaded = await store.load()
    assert loaded is not None
    assert loaded["number"] in range(7)
    assert len(loaded["keys"]) == 20_000


def test_process_that_is_killed_while_it_saves_leaves_a_whole_file(path: Path) -> None:
    program = """
import asyncio, sys
from vonage_messages.stores.file import FileLimitStore

async def main():
    store = FileLimitStore(sys.argv[1])
    large = {f"pair whatsapp/{number}": 1.0 for number in range(50_000)}
    number = 0
    while True:
        await store.save({"number": number, "keys": large})
        print(number, flush=True)
        number += 1

asyncio.run(main())
"""
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  a program of ours
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(3)]
        process.kill()
    document = json.loads(path.read_bytes())
    assert document["number"] >= int(seen[-1])
    assert len(document["keys"]) == 50_000


def test_store_shows_its_path(path: Path) -> None:
    assert repr(FileLimitStore(path)) == f"FileLimitStore({str(path)!r})"
