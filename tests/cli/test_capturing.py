"""Samples of webhooks, as files."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from vonage_messages.cli import capturing
from vonage_messages.cli.capturing import Capture
from vonage_messages.errors import ConfigurationError
from vonage_messages.webhooks import parse_webhook

STATUS = {"channel": "sms", "message_uuid": "a", "to": "447700900123", "from": "Ada", "status": "read"}


def test_sample_is_scrubbed_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = Capture(tmp_path / "a" / "b").write(parse_webhook(STATUS))
    assert path == tmp_path / "a" / "b" / "status-sms-read-0001.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text(encoding="ascii")) == {
        "channel": "sms",
        "message_uuid": "text 1",
        "to": "447700900000",
        "from": "text 2",
        "status": "read",
    }


def test_nothing_is_written_over_not_through_a_link_either(tmp_path: Path) -> None:
    (tmp_path / "status-sms-read-0001.json").write_text("mine", encoding="ascii")
    (tmp_path / "status-sms-read-0002.json").symlink_to(tmp_path / "elsewhere")
    path = Capture(tmp_path).write(parse_webhook(STATUS))
    assert path == tmp_path / "status-sms-read-0003.json"
    assert (tmp_path / "status-sms-read-0001.json").read_text(encoding="ascii") == "mine"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.each(
    ("status", "stem"),
    [
        ("../../../etc/passwd", "etc_passwd"),
        ("\x00/\\:*", ""),
        ("W" * 500, "w" * 40),
        ("größer", "gr_er"),
        ("sent to +447700900123", "other"),
    ],
)
def test_word_of_a_stranger_names_no_other_place(
    tmp_path_factory: pytest.TempPathFactory, status: str, stem: str
) -> None:
    folder = tmp_path_factory.mktemp("samples")
    path = Capture(folder).write(parse_webhook({**STATUS, "status": status}))
    assert path == folder / ("-".join(filter(None, ["status-sms", stem, "0001"])) + ".json")


def test_number_of_samples_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capturing, "MOST_FILES", 3)
    capture = Capture(tmp_path)
    written = [capture.write(parse_webhook(STATUS)) for _ in range(5)]
    assert [path is not None for path in written] == [True, True, True, False, False]
    assert (capture.full, capture.written, len(list(tmp_path.iterdir()))) == (True, 3, 3)
    with pytest.raises(FileExistsError, match="3 samples are there already"):
        Capture(tmp_path).write(parse_webhook(STATUS))


def test_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    with pytest.raises(ConfigurationError, match=r"--capture .*file cannot be made: File exists"):
        Capture(tmp_path / "file")
