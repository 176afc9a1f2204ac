"""The files that options name: what stands in them, or one sentence that says why it cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vonage_messages.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from vonage_messages.limits.levels import Limits
    from vonage_messages.pricing import PriceTable


def limits_in(path: Path) -> Limits:
    """
    Read limits, which are TOML.

    Raises:
        ConfigurationError: the file cannot be read, or holds what is no limit.
    """
    from vonage_messages.limits.levels import Limits  # noqa: PLC0415  --help does without it

    return Limits.from_toml(_text_in(path))


def prices_in(path: Path) -> PriceTable:
    """
    Read a price table: CSV where the name ends in ``.csv``, TOML otherwise.

    Raises:
        ConfigurationError: the file cannot be read, or holds no price table.
    """
    from vonage_messages.pricing import PriceTable  # noqa: PLC0415  --help does without it

    text = _text_in(path)
    return PriceTable.from_csv(text) if path.suffix.lower() == ".csv" else PriceTable.from_toml(text)


def _text_in(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}.") from None
