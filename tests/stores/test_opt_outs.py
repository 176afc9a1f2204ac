"""The file of opt-outs: what was written is there, is read once, and may be shared and edited."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from vonage_messages.consent import OptOutRecord, Wish
from vonage_messages.errors import ConfigurationError, StoreUnavailableError
from vonage_messages.stores.opt_outs import OptOutFile

ANNA, BOB = "447700900000", "447700900001"


def people(news: tuple[bool, object]) -> tuple[bool, list[str]]:
    afresh, records = news
    return afresh, [record.person for record in records]  # type: ignore[attr-defined]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "opt-outs.txt"


def test_what_is_appended_is_news_once(path: Path) -> None:
    file, other = OptOutFile(path), OptOutFile(path)
    assert people(file.news()) == (False, [])
    file.append([OptOutRecord(person=ANNA, note="by phone"), OptOutRecord(person=BOB, sender="Acme Ltd")])
    assert people(file.news())[1] == [ANNA, BOB]
    assert people(file.news()) == (False, [])
    file.append([OptOutRecord(person=ANNA, wish=Wish.OPT_IN)])
    assert people(file.news()) == (False, [ANNA])
    assert people(other.news()) == (True, [ANNA, BOB, ANNA])
    assert path.read_text(encoding="utf-8") == f"{ANNA}  # by phone\n{BOB} from:Acme%20Ltd\n!{ANNA}\n"
    assert [record.sender for record in OptOutFile(path).news()[1]] == [None, "Acme Ltd", None]


def test_file_is_for_its_owner_alone(path: Path) -> None:
    OptOutFile(path).append([OptOutRecord(person=ANNA)])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_file_that_is_open_to_all_is_said_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_text(f"{ANNA}\n", encoding="utf-8")
    path.chmod(0o646)
    file = OptOutFile(path)
    file.news()
    file.append([OptOutRecord(person=BOB)])
    file.news()
    assert [message.partition(",")[0] for message in caplog.messages] == [
        f"every user of this machine may use {path} (mode 0646)"
    ]


def test_file_that_was_put_in_its_place_is_read_from_the_beginning(path: Path) -> None:
    file = OptOutFile(path)
    file.append([OptOutRecord(person=ANNA)])
    file.news()
    new = path.with_suffix(".new")
    new.write_text(f"{BOB}\n", encoding="utf-8")
    new.replace(path)
    assert people(file.news()) == (True, [BOB])
    path.write_text("", encoding="utf-8")
    assert people(file.news()) == (True, [])
    path.unlink()
    assert people(file.news()) == (True, [])


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("447700900000\n", "447700900009\n447700900000\n"),
        ("447700900000\n447700900001\n", "447700900000\n447700900009\n"),
        ("447700900000\n" * 1000, "!447700900000\n" + "447700900009\n" * 1000),
    ],
    ids=["a line before", "a digit", "all of it"],
)
def test_file_that_an_editor_has_written_anew_in_its_place_is_read_from_the_beginning(
    path: Path, was: str, becomes: str
) -> None:
    path.write_text(was)
    store = OptOutFile(path)
    store.news()
    number = path.stat().st_ino
    path.write_text(becomes)
    assert path.stat().st_ino == number
    os.utime(path, ns=(0, 0))  # whatever the grain of the clock of this file system
    afresh, records = store.news()
    assert (afresh, "447700900009" in {record.person for record in records}) == (True, True)


def test_last_line_without_an_end_counts_and_is_read_again_with_what_follows(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + f"{ANNA}\n{BOB}".encode())
    file = OptOutFile(path)
    assert people(file.news()) == (True, [ANNA, BOB])
    file.append([OptOutRecord(person="12345")])
    assert people(file.news()) == (False, [BOB, "12345"])


def test_line_that_is_no_recipient_is_named_and_nothing_is_taken_as_read(path: Path) -> None:
    path.write_text(f"{ANNA}\n# fine\n07700 900001\n", encoding="utf-8")
    file = OptOutFile(path)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"opt-outs\.txt, line 3: a recipient must begin with the country"):
            file.news()
    path.write_text(f"{ANNA}\n", encoding="utf-8")
    assert people(file.news()) == (True, [ANNA])
    with path.open("a", encoding="utf-8") as lines:
        lines.write("two words\n")
    with pytest.raises(ConfigurationError, match="line 2"):
        file.news()


def test_many_writers_lose_nothing(path: Path) -> None:
    def write(writer: int) -> None:
        for number in range(20):
            OptOutFile(path).append([OptOutRecord(person=f"4477{writer:03}{number:05}")])

    reader = OptOutFile(path)
    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(5)]
    for thread in threads:
        thread.start()
    seen: set[str] = set()
    while any(thread.is_alive() for thread in threads):  # ends: with the writers
        seen |= set(people(reader.news())[1])
    for thread in threads:
        thread.join()
    seen |= set(people(reader.news())[1])
    assert seen == {f"4477{writer:03}{number:05}" for writer in range(5) for number in range(20)}


def test_what_cannot_be_written_or_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="cannot be written"):
        OptOutFile(tmp_path / "nowhere" / "a.txt").append([OptOutRecord(person=ANNA)])
    folder = tmp_path / "folder"
    os.mkdir(folder)  # noqa: PTH102
    with pytest.raises(StoreUnavailableError, match="cannot be read"):
        OptOutFile(folder).news()
