"""Limits in a file: whole or not at all, for its owner only, and with words for what goes wrong."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
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
    """List the folder, without the lock, which stays."""
    return [each.name for each in path.parent.iterdir() if each != lock_of(path)]


def lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def text_of(path: Path) -> str:
    return path.read_text()


def put(path: Path, text: str) -> None:
    path.write_text(text)


def remove(path: Path) -> None:
    path.unlink()


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
    assert mode_of(path) == mode_of(lock_of(path)) == 0o600
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
    with pytest.raises(StoreUnavailableError, match="No such file"):
        await store.load()
    with pytest.raises(StoreUnavailableError, match="No such file"):
        await store.save(SNAPSHOT)


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


FIRST = {**SNAPSHOT, "last": False}
"""What a limiter saves before anything leaves."""

HOLDER = """
import asyncio, sys
from vonage_messages.stores.file import FileLimitStore

async def main():
    store = FileLimitStore(sys.argv[1])
    await store.load()
    await store.save({"version": 1, "last": False})
    print("held", flush=True)
    sys.stdin.readline()
    await store.save({"version": 1, "last": True, "by": "holder"})
    print("left", flush=True)
    sys.stdin.readline()

asyncio.run(main())
"""


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, which keeps its limits in the file; a line lets it make its last save, and another one end."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  a program of ours
        assert answer_of(process) == "held"
        yield process
        process.kill()


def answer_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def let_it_leave(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert answer_of(process) == "left"


async def test_file_of_another_process_is_refused(path: Path, holder: subprocess.Popen[str]) -> None:
    assert holder.poll() is None
    before = text_of(path)
    store = FileLimitStore(path)
    with pytest.raises(StoreUnavailableError, match="another process keeps its limits in"):
        await store.load()
    with pytest.raises(StoreUnavailableError, match="another process keeps its limits in"):
        await store.save(SNAPSHOT)
    assert text_of(path) == before


async def test_file_of_a_process_that_was_killed_is_free(path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait(timeout=60)
    assert await FileLimitStore(path).load() == {"version": 1, "last": False}


async def test_file_is_free_behind_the_last_save_of_another_process(path: Path, holder: subprocess.Popen[str]) -> None:
    let_it_leave(holder)
    store = FileLimitStore(path)
    assert await store.load() == {"version": 1, "last": True, "by": "holder"}


async def test_store_does_not_go_on_where_another_process_has_counted_meanwhile(path: Path) -> None:
    store = FileLimitStore(path)
    await store.load()
    await store.save(FIRST)
    await store.save(SNAPSHOT)
    program = HOLDER.replace("sys.stdin.readline()", "pass")
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=60, capture_output=True)  # noqa: ASYNC221, S603  a program of ours, while nothing else runs
    with pytest.raises(StoreUnavailableError, match=r"has kept limits in .* since"):
        await store.save(FIRST)
    assert "holder" in text_of(path)
    assert await FileLimitStore(path).load() is not None


async def test_two_stores_of_one_process_on_one_path_are_refused(path: Path) -> None:
    first, second = FileLimitStore(path), FileLimitStore(path)
    await first.load()
    with pytest.raises(StoreUnavailableError, match="another FileLimitStore of this process"):
        await second.load()
    await first.save(SNAPSHOT)
    assert await second.load() == SNAPSHOT


async def test_store_can_go_on_behind_its_last_save(path: Path) -> None:
    store = FileLimitStore(path)
    for snapshot in (FIRST, SNAPSHOT, FIRST, SNAPSHOT):
        await store.save(snapshot)
    assert await store.load() == SNAPSHOT


async def test_file_that_was_removed_meanwhile_is_written_anew(path: Path) -> None:
    store = FileLimitStore(path)
    await store.save(SNAPSHOT)
    remove(path)
    await store.save(FIRST)
    assert await store.load() == FIRST


async def test_closed_store_leaves_its_file_and_may_take_it_again(path: Path) -> None:
    first, second = FileLimitStore(path), FileLimitStore(path)
    await first.load()
    first.close()
    await second.load()
    with pytest.raises(StoreUnavailableError, match="another FileLimitStore"):
        await first.load()
    second.close()
    assert await first.load() is None


async def test_store_that_is_closed_while_it_saves_leaves_its_file_behind_that(path: Path) -> None:
    store = FileLimitStore(path)
    saving = asyncio.create_task(store.save({**FIRST, "keys": ["x"] * 200_000}))
    await asyncio.sleep(0)
    store.close()
    await saving
    loaded = await FileLimitStore(path).load()
    assert loaded is not None
    assert len(loaded["keys"]) == 200_000


async def test_store_that_is_dropped_leaves_its_file(path: Path) -> None:
    store = FileLimitStore(path)
    await store.save(FIRST)
    del store
    assert await FileLimitStore(path).load() == FIRST


async def test_store_that_is_garbage_in_a_circle_leaves_its_file(path: Path) -> None:
    store = FileLimitStore(path)
    await store.save(FIRST)
    circle: list[object] = [store]
    circle.append(circle)
    del store, circle
    assert await FileLimitStore(path).load() == FIRST


async def test_store_that_could_not_be_read_keeps_nobody_out(path: Path) -> None:
    put(path, "{")
    first = FileLimitStore(path)
    with pytest.raises(StoreUnavailableError, match="holds no limits"):
        await first.load()
    put(path, "{}")
    assert await FileLimitStore(path).load() == {}


def test_forked_process_holds_nothing_by_what_its_parent_holds(path: Path) -> None:
    program = """
import asyncio, os, sys, warnings
from vonage_messages.errors import StoreUnavailableError
from vonage_messages.stores.file import FileLimitStore

warnings.simplefilter("ignore")
store = FileLimitStore(sys.argv[1])

async def main():
    await store.load()

asyncio.run(main())
child = os.fork()
if child == 0:
    try:
        asyncio.run(main())
    except StoreUnavailableError as error:
        print("child:", error, flush=True)
    store.close()
    os._exit(0)
os.waitpid(child, 0)
try:
    asyncio.run(FileLimitStore(sys.argv[1]).load())
except StoreUnavailableError as error:
    print("parent:", error, flush=True)
"""
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)  # noqa: S603  a program of ours
    child, parent = done.stdout.splitlines()
    assert child.startswith(f"child: another process keeps its limits in {path}")
    assert parent.startswith(f"parent: another FileLimitStore of this process keeps its limits in {path}")


def test_store_serves_one_loop_after_another(path: Path) -> None:
    store = FileLimitStore(path)
    for number in range(3):
        asyncio.run(store.save({"last": False, "number": number}))
        assert asyncio.run(store.load()) == {"last": False, "number": number}


async def test_link_in_the_place_of_the_lock_is_not_followed(path: Path) -> None:
    victim = path.parent / "victim"
    lock_of(path).symlink_to(victim)
    with pytest.raises(StoreUnavailableError, match="cannot be locked"):
        await FileLimitStore(path).load()
    assert not victim.exists()


def test_store_shows_its_path(path: Path) -> None:
    assert repr(FileLimitStore(path)) == f"FileLimitStore({str(path)!r})"
