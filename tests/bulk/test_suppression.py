"""Who opted out is not written to, and an opt-out that was recorded is on the disk."""

from __future__ import annotations

import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from vonage_messages import ConfigurationError
from vonage_messages.bulk.suppression import (
    SuppressionFile,
    SuppressionList,
    Wish,
    opt_in_keyword,
    opt_out_keyword,
    wish_of,
)
from vonage_messages.errors import StoreUnavailableError
from vonage_messages.webhooks import InboundMessage, parse_inbound

NOW = datetime(2026, 11, 23, 9, 26, tzinfo=UTC)
ANNA, BOB = "447700900000", "447700900001"


def inbound(text: str = "STOP", **more: Any) -> InboundMessage:
    body = {"channel": "sms", "message_type": "text", "message_uuid": "one", "from": ANNA, "to": "12345", "text": text}
    return parse_inbound({**body, **more})


def listed(folder: Path, text: str) -> SuppressionList:
    path = folder / "stop.txt"
    path.write_text(text, encoding="utf-8")
    return SuppressionList.read(path)


@pytest.mark.each(
    "text",
    [
        *("STOP", "stop", " Stop. ", "STOP!", "Stop 🛑", '"stop"', "STOPALL", "Stop all", "stop stop", "STOP PLEASE"),
        *(
            "unsubscribe",
            "CANCEL",
            "End",
            "quit",
            "opt-out",
            "Opt out",
            "OPTOUT",
            "revoke",
            "\u200bstop\n",
            "\uff53top",
        ),
        *("ARRET", "arrêt", "ARRE\u0302T", "Stopp", "Abmelden", "baja", "SAIR"),
    ],
)
def test_keyword_opts_out(text: str) -> None:
    assert opt_out_keyword(text)
    assert not opt_in_keyword(text)


@pytest.mark.each(
    "text",
    ["", " ", "please", "!", "Don't stop", "stop the delivery at 5", "cancel my order", "weekend", "stopover", "START"],
)
def test_other_words_do_not_opt_out(text: str) -> None:
    assert not opt_out_keyword(text)


@pytest.mark.parametrize("text", ["START", "unstop", "Start please", "opt in", "SUBSCRIBE"])
def test_keyword_opts_in_again(text: str) -> None:
    assert opt_in_keyword(text)
    assert not opt_out_keyword(text)


@pytest.mark.parametrize("text", ["restart", "when do you start?", "stop start", ""])
def test_other_words_do_not_opt_in(text: str) -> None:
    assert not opt_in_keyword(text)


@pytest.mark.parametrize(
    ("more", "wish"),
    [
        ({}, Wish.OPT_OUT),
        ({"text": "UNSTOP"}, Wish.OPT_IN),
        ({"text": "hello"}, None),
        ({"message_type": "button", "button": {"payload": "x", "text": "Stop"}}, Wish.OPT_OUT),
        ({"message_type": "button", "button": {"payload": "UNSUBSCRIBE", "text": "No more"}}, Wish.OPT_OUT),
        ({"message_type": "button", "button": {"payload": {"stop": "stop"}, "text": "Fine"}}, None),
        ({"message_type": "reply", "reply": {"id": "7", "title": "Unsubscribe"}}, Wish.OPT_OUT),
        ({"message_type": "image", "image": {"url": "https://a.io/stop", "caption": "stop"}}, None),
    ],
)
def test_wish_is_read_out_of_texts_and_taps(more: dict[str, Any], wish: Wish | None) -> None:
    assert wish_of(inbound(**more)) is wish


@pytest.mark.parametrize("spelling", [ANNA, "+44 7700 900000", "0044-7700-900000", " 447700900000 "])
def test_number_is_suppressed_however_it_is_spelt(tmp_path: Path, spelling: str) -> None:
    found = listed(tmp_path, f"{spelling}\n")
    assert found.is_suppressed(ANNA)
    assert SuppressionList([ANNA]).is_suppressed(spelling)
    assert ANNA in found
    assert not found.is_suppressed(BOB)
    assert len(found) == 1


def test_addresses_are_compared_without_case_and_ids_with_it() -> None:
    found = SuppressionList(["Anna@Example.com", "US.abcDEF"])
    assert "anna@example.COM" in found
    assert "US.abcDEF" in found
    assert "US.abcdef" not in found


def test_comments_blank_lines_and_a_byte_order_mark_are_no_recipients(tmp_path: Path) -> None:
    found = listed(tmp_path, f"\ufeff{ANNA}\n# nobody\n\n  {BOB}   # since May\r\n")
    assert (len(found), found.bad_rows) == (2, ())
    assert BOB in found


def test_last_line_about_somebody_counts(tmp_path: Path) -> None:
    found = listed(tmp_path, f"{ANNA}\n{BOB}\n!+44 7700 900000 # START\n!{BOB}\n{BOB}\n")
    assert not found.is_suppressed(ANNA)
    assert found.is_suppressed(BOB)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("07700 900000", "must begin with the country code"),
        ("447700900000,447700900001", "must be one number"),
        ("447700900000;Anna", "must be one number"),
        ("Anna Smith", "must be one number"),
        ("!", "must not be empty"),
        ("!!447700900000", "must be one number"),
        ('"447700900000"', "must stand without quotation marks"),
        ("'447700900000", "must stand without quotation marks"),
        ("4.477009E+11", "must be written with the digits 0 to 9"),
        ("447700900000.0", "must be written with the digits 0 to 9"),
        ("\u0664\u0664\u0667\u0667\u0660\u0660\u0669\u0660\u0660\u0660\u0660\u0660", "must be written with the digits"),
    ],
)
def test_line_that_is_no_recipient_is_told_with_its_number(tmp_path: Path, line: str, problem: str) -> None:
    found = listed(tmp_path, f"# list\n{BOB}\n{line}\n")
    (bad,) = found.bad_rows
    assert (bad.number, bad.line) == (2, 3)
    assert problem in str(bad)
    assert len(found) == 1


@pytest.mark.parametrize("name", ["stop.csv", "stop.jsonl"])
def test_list_may_be_a_column_of_a_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    lines = {
        "stop.csv": "name,phone\nAnna,+44 7700 900000\nNobody,\nBob,07700\n",
        "stop.jsonl": '{"phone": 447700900000}\n{"name": "Nobody"}\n{"phone": "07700"}\n',
    }
    path.write_text(lines[name], encoding="utf-8")
    found = SuppressionList.read(path, column="phone")
    assert ANNA in found
    assert len(found) == 1
    assert [bad.problems[0].path for bad in found.bad_rows] == ["phone"]


def test_bad_rows_of_a_column_file_are_told(tmp_path: Path) -> None:
    path = tmp_path / "stop.csv"
    path.write_text(f"name,phone\nAnna\nBob,{BOB}\n", encoding="utf-8")
    found = SuppressionList.read(path, column="phone")
    assert [bad.line for bad in found.bad_rows] == [2]
    assert BOB in found


def test_number_of_json_that_is_not_whole_is_told(tmp_path: Path) -> None:
    path = tmp_path / "stop.jsonl"
    path.write_text(f'{{"phone": {ANNA}.0}}\n{{"phone": [{ANNA}]}}\n{{"phone": true}}\n{{"phone": {BOB}}}\n')
    found = SuppressionList.read(path, column="phone")
    assert [bad.line for bad in found.bad_rows] == [1, 2, 3]
    assert "must be a text or a whole number, not float" in str(found.bad_rows[0])
    assert BOB in found


def test_ids_that_look_a_little_like_numbers_are_recipients(tmp_path: Path) -> None:
    names = ("US.13491208655302741918", "123e5", "4477009E1", "01234567890A+/=", '"o.neil"@example.com')
    found = listed(tmp_path, "\n".join(names))
    assert (len(found), found.bad_rows) == (len(names), ())


def test_column_that_no_row_has_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stop.csv"
    path.write_text("name\nAnna\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match='no column "phone"'):
        SuppressionList.read(path, column="phone")


def test_list_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.txt cannot be read"):
        SuppressionList.read(tmp_path / "none.txt")


def test_lists_can_be_put_together(tmp_path: Path) -> None:
    found, other = SuppressionList([ANNA]), listed(tmp_path, f"{BOB}\n07\n")
    found.update(other)
    assert (len(found), found.bad_rows) == (2, other.bad_rows)


def test_list_shows_nobody() -> None:
    assert repr(SuppressionList([ANNA])) == "SuppressionList(<1 recipients>)"


def test_stop_is_recorded_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "stop.txt"
    assert SuppressionFile(path).record(inbound(), NOW) is Wish.OPT_OUT
    assert path.read_text(encoding="utf-8") == f"{ANNA}  # STOP, sms, 2026-11-23T09:26:00+00:00\n"
    assert ANNA in SuppressionList.read(path)


def test_start_takes_a_stop_back(tmp_path: Path) -> None:
    file = SuppressionFile(tmp_path / "stop.txt")
    file.record(inbound("STOP"), NOW)
    assert file.record(inbound("START"), NOW) is Wish.OPT_IN
    assert ANNA not in SuppressionList.read(tmp_path / "stop.txt")
    file.record(inbound("STOP"), NOW)
    assert ANNA in SuppressionList.read(tmp_path / "stop.txt")


@pytest.mark.parametrize("more", [{"text": "hello"}, {"from": ""}, {"from": "no recipient, this"}])
def test_message_that_opts_nobody_out_writes_nothing(tmp_path: Path, more: dict[str, Any]) -> None:
    assert SuppressionFile(tmp_path / "stop.txt").record(inbound(**more), NOW) is None
    assert not (tmp_path / "stop.txt").exists()


def test_event_s_own_time_is_written(tmp_path: Path) -> None:
    SuppressionFile(tmp_path / "stop.txt").record(inbound(timestamp="2026-05-01T10:00:00Z"), NOW)
    assert "2026-05-01T10:00:00+00:00" in (tmp_path / "stop.txt").read_text(encoding="utf-8")


def test_every_id_of_a_whatsapp_user_is_suppressed(tmp_path: Path) -> None:
    sender = {"user_id": "US.123", "wa_id": ANNA}
    SuppressionFile(tmp_path / "stop.txt").record(
        inbound(channel="whatsapp", **{"from": "US.123"}, whatsapp={"sender": sender}), NOW
    )
    found = SuppressionList.read(tmp_path / "stop.txt")
    assert ANNA in found
    assert "US.123" in found
    assert len(found) == 2


def test_recipient_can_be_added_and_taken_back_by_hand(tmp_path: Path) -> None:
    file = SuppressionFile(tmp_path / "stop.txt")
    file.add("+44 7700 900000", "asked on the phone\nmay")
    file.add(BOB)
    file.discard(BOB)
    assert (tmp_path / "stop.txt").read_text(encoding="utf-8") == (f"{ANNA}  # asked on the phone may\n{BOB}\n!{BOB}\n")


@pytest.mark.parametrize("recipient", ["", "07700 900000", "a b", "#x", "!x"])
def test_what_is_no_recipient_is_not_added(tmp_path: Path, recipient: str) -> None:
    with pytest.raises(ConfigurationError, match="a recipient to suppress must"):
        SuppressionFile(tmp_path / "stop.txt").add(recipient)
    assert not (tmp_path / "stop.txt").exists()


def test_new_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        SuppressionFile(tmp_path / "stop.txt").add(ANNA)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "stop.txt").stat().st_mode) == 0o600


def test_half_a_line_at_the_end_is_not_written_on(tmp_path: Path) -> None:
    path = tmp_path / "stop.txt"
    path.write_text(BOB, encoding="utf-8")
    SuppressionFile(path).add(ANNA)
    assert path.read_text(encoding="utf-8") == f"{BOB}\n{ANNA}\n"


def test_what_was_recorded_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "stop.txt"
    path.touch()
    synced: list[bytes] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(path.read_bytes())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    SuppressionFile(path).add(ANNA)
    assert synced == [f"{ANNA}\n".encode()]


def test_name_of_a_new_file_is_on_the_disk_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    SuppressionFile(tmp_path / "stop.txt").add(ANNA)
    SuppressionFile(tmp_path / "stop.txt").add(BOB)
    assert synced == [False, True, False]


def test_several_writers_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "stop.txt"
    path.touch()

    def write(writer: int) -> None:
        for number in range(25):
            SuppressionFile(path).add(f"4477{writer:03}{number:05}")

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert len(SuppressionList.read(path)) == 100


def test_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="cannot be written") as caught:
        SuppressionFile(tmp_path / "nowhere" / "stop.txt").add(ANNA)
    assert caught.value.retryable


def test_full_disk_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "stop.txt").symlink_to("/dev/full")
    with pytest.raises(StoreUnavailableError, match="No space left"):
        SuppressionFile(tmp_path / "stop.txt").add(ANNA)
