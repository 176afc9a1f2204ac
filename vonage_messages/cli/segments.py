"""``vonage-messages segments``: in how many parts a text is sent. A text in, a table or a JSON object out."""

from __future__ import annotations

import json
import sys
import unicodedata
from typing import TYPE_CHECKING, Final

import attrs
import click

from vonage_messages.cli.terminal import output, printable
from vonage_messages.segmentation import SmsEncoding, replace_smart, segments, suggest_replacements

if TYPE_CHECKING:
    from rich.console import Console

    from vonage_messages.segmentation import Replacement, Segments

_LONGEST: Final = 3200
"""Characters; the platform refuses more (Messages API v1, section "sms")."""

_LARGEST_INPUT: Final = 1024 * 1024
_SHOWN: Final = 10
"""How many characters are listed one by one."""

_UNITS: Final = {SmsEncoding.GSM_7: "septets", SmsEncoding.UCS_2: "code units"}


@click.command("segments")
@click.argument("text")
@click.option(
    "--encoding",
    type=click.Choice(("auto", "text", "unicode")),
    default="auto",
    show_default=True,
    help="The sms.encoding_type of the message.",
)
@click.option("--replace", is_flag=True, help="Put plain forms in, where that brings the text into GSM-7.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
def segments_command(*, text: str, encoding: str, replace: bool, as_json: bool) -> None:
    """
    Count the parts in which TEXT is sent as an SMS.

    Each part is charged by itself. TEXT may be - for standard input, of which a line end at its end does not count.
    One character outside GSM-7 more than halves what a part holds: each is named, with a plain form where it has one.
    """
    given = _standard_input() if text == "-" else text
    counted = replace_smart(given) if replace else given
    view = _View(text=counted, counted=segments(counted, encoding), suggested=suggest_replacements(counted))
    if as_json:
        output().print(json.dumps(view.as_json(with_text=replace)), soft_wrap=True)
    else:
        view.show(output(), encoding, with_text=replace)


@attrs.frozen(kw_only=True)
class _View:
    """A text, its parts, and what would keep it in GSM-7."""

    text: str
    counted: Segments
    suggested: tuple[Replacement, ...]

    def as_json(self, *, with_text: bool) -> dict[str, object]:
        """Give all there is to tell."""
        return {
            **attrs.asdict(self.counted),
            "replacements": [attrs.asdict(each) for each in self.suggested],
            **({"text": self.text} if with_text else {}),
        }

    def show(self, console: Console, encoding: str, *, with_text: bool) -> None:
        """Print all there is to tell, for somebody to read."""
        counted, unit = self.counted, _UNITS[self.counted.encoding]
        lines = [
            ("encoding", counted.encoding.value),
            ("parts", f"{counted.count}"),
            ("length", f"{counted.units} {unit}, {counted.per_segment} to a part"),
            ("room left", f"{counted.remaining} {unit}"),
        ]
        for number, character in enumerate(counted.forcing_characters[:_SHOWN]):
            lines.append(("" if number else "forced by", self._forced_by(character)))
        further = len(counted.forcing_characters) - _SHOWN
        if further > 0:
            lines.append(("", f"and {further} more"))
        if with_text:
            lines.append(("text", printable(self.text)))
        for label, value in lines:
            console.print(f"{label:<9}  {value}", soft_wrap=True)
        for sentence in self._advice(encoding):
            console.print(sentence, soft_wrap=True)

    def _forced_by(self, character: str) -> str:
        named = f"{printable(character)}  U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()
        plain = next((each.replacement for each in self.suggested if character in each.character), None)
        return named if plain is None else f"{named}, or {_quoted(plain)}"

    def _advice(self, encoding: str) -> list[str]:
        found = []
        plain = replace_smart(self.text)
        if plain != self.text and encoding == "auto":
            instead = segments(plain)
            found.append(f"With --replace it is {instead.encoding.value}, in {_parts(instead.count)}.")
        if len(self.text) > _LONGEST:
            found.append(f"It has {len(self.text)} characters: the platform takes {_LONGEST}.")
        return found


def _parts(count: int) -> str:
    return "1 part" if count == 1 else f"{count} parts"


def _quoted(plain: str) -> str:
    """Write a plain form so that one sees it."""
    if not plain:
        return "nothing"
    return printable(plain) if plain.strip() else f'"{printable(plain)}"'


def _standard_input() -> str:
    given = sys.stdin.buffer.read(_LARGEST_INPUT + 1)
    if len(given) > _LARGEST_INPUT:
        raise click.UsageError(f"standard input holds more than {_LARGEST_INPUT:,} bytes.")
    try:
        text = given.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise click.UsageError("standard input is no UTF-8.") from None
    return text.removesuffix("\n").removesuffix("\r")
