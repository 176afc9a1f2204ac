"""Writes the callbacks that ``listen`` receives to files, scrubbed: samples for tests and for reports of faults."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vonage_messages.errors import ConfigurationError
from vonage_messages.webhooks.inbound import InboundMessage
from vonage_messages.webhooks.scrubbing import Scrubber

if TYPE_CHECKING:
    from vonage_messages.webhooks.status import MessageStatus

MOST_FILES: Final = 1000
"""How many samples one run writes."""

_ONLY_OWNER: Final = 0o600
_ONLY_OWNER_ENTERS: Final = 0o700
_LONG_NUMBER = re.compile(r"[0-9]{7,}")
_NO_PART_OF_A_NAME = re.compile(r"[^A-Za-z0-9]+")
_LONGEST_PART: Final = 40


class Capture:
    """
    A folder of samples, ``inbound-sms-text-0001.json``; it is made where there is none, for its owner alone.

    No file is ever written over, and each is for its owner alone. What is equal in several callbacks of a run has the
    same stand-in in all their samples.

    Raises:
        ConfigurationError: the folder cannot be made, or written into.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written = 0
        self._scrubber = Scrubber()
        self._last = 0
        try:
            folder.mkdir(mode=_ONLY_OWNER_ENTERS, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"--capture {folder} cannot be made: {error.strerror}.") from error
        if not os.access(folder, os.W_OK | os.X_OK):
            raise ConfigurationError(f"--capture {folder} cannot be written into.")

    @property
    def full(self) -> bool:
        """Whether as many samples were written as one run may."""
        return self.written >= MOST_FILES

    def write(self, event: InboundMessage | MessageStatus) -> Path | None:
        """
        Write one sample; ``None`` where no more may be.

        Raises:
            OSError: the disk is full, say.
        """
        if self.full:
            return None
        document = json.dumps(self._scrubber.scrub(event.raw), indent=2, ensure_ascii=True) + "\n"
        for number in range(self._last + 1, self._last + MOST_FILES + 1):
            path = self.folder / f"{_stem(event)}-{number:04}.json"
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _ONLY_OWNER)
            except FileExistsError:  # of a run before
                continue
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(document)
            self._last = number
            self.written += 1
            return path
        raise FileExistsError(f"{MOST_FILES} samples are there already")


def _stem(event: InboundMessage | MessageStatus) -> str:
    kind, word = ("inbound", event.message_type) if isinstance(event, InboundMessage) else ("status", event.status)
    return "-".join(filter(None, (kind, _part(event.channel), _part(word))))


def _part(word: str) -> str:
    """Make a part of a file's name: whoever calls the URL chooses the word, and may write somebody's number there."""
    if _LONG_NUMBER.search(word):
        return "other"
    return _NO_PART_OF_A_NAME.sub("_", word)[:_LONGEST_PART].strip("_").lower()
