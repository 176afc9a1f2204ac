"""
What messages cost: ``PriceTable``, and the estimate it gives of a campaign before anything is sent.

The platform publishes prices by country and contract, so the table is the user's own: the price of a message, or of
a part of an SMS, by channel and by the first digits of the recipient's number. Money is ``Decimal``, from the file to
the total. What a message did cost is in ``usage`` of its statuses; in how many parts an SMS is sent is in
``vonage_messages.segmentation``.
"""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any, Final, NamedTuple, TypeAlias

import attrs

from vonage_messages.channels.base import Message
from vonage_messages.channels.enums import ChannelType
from vonage_messages.channels.sms_text import text_and_encoding
from vonage_messages.errors import ConfigurationError
from vonage_messages.segmentation import segments

DEFAULT: Final = "default"
"""What stands in place of a prefix for every recipient that no prefix fits."""

_CHANNELS: Final = frozenset(channel.value for channel in ChannelType)
_WITHOUT_NUMBERS: Final = frozenset({ChannelType.MESSENGER, ChannelType.EMAIL})  # a recipient there has no country
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_PREFIX: Final = re.compile(r"\+?([1-9][0-9]{0,14})")
_PRICE: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
# 18 digits of a price times any count of messages; Inexact is trapped, so that a sum is right or an error.
_EXACT: Final = Context(prec=60, traps=[Inexact, InvalidOperation])
_NOTHING: Final = Decimal(0)
_REQUIRED_COLUMNS: Final = ("channel", "prefix", "price")

_Prices: TypeAlias = Mapping[str, Mapping[str, Decimal]]
_Entry: TypeAlias = tuple[str, str]  # channel and prefix: one price of the table


class _Charge(NamedTuple):
    """What one message is charged by: so many units (parts of an SMS, or the message) at one entry of the table."""

    entry: _Entry
    price: Decimal
    units: int

    @property
    def amount(self) -> Decimal:
        return _EXACT.multiply(self.price, self.units)


def _price(value: object, where: str) -> Decimal:
    """Read one price: text, a whole number or a ``Decimal``; a float has lost its last digits already."""
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) <= 18:  # noqa: PLR2004  writable
        value = f"{value:f}"
    if isinstance(value, int) and not isinstance(value, bool):
        # Python refuses to write numbers of thousands of digits.
        value = str(value) if value.bit_length() <= 64 else "a far larger number"  # noqa: PLR2004  beyond any price
    if not isinstance(value, str) or not _PRICE.fullmatch(value):
        raise ConfigurationError(
            f'{where}: the price must be written like "0.045", with at most 9 digits before and behind the point, '
            f"not {value!r}."
        )
    return Decimal(value)


def _prefix(value: object, channel: str, where: str) -> str:
    """Read the first digits of a number, or ``default``."""
    if value == DEFAULT:
        return DEFAULT
    found = _PREFIX.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ConfigurationError(f"{where}: the prefix must be the first digits of a number, such as 44, or {DEFAULT}.")
    if channel in _WITHOUT_NUMBERS:
        raise ConfigurationError(f"{where}: recipients on {channel} are no numbers, so it can have {DEFAULT} only.")
    return found[1]


def _channel(value: object, where: str) -> str:
    if not isinstance(value, str) or value not in _CHANNELS:
        raise ConfigurationError(f"{where}: there is no channel {value!r}: it must be one of {_listed(_CHANNELS)}.")
    return str(value)


def _currency(value: object) -> str:
    if value is None:
        raise ConfigurationError('The price table names no currency, such as "EUR".')
    if not isinstance(value, str) or not _CURRENCY.fullmatch(value):
        raise ConfigurationError(f'The currency of a price table must be three capitals, such as "EUR", not {value!r}.')
    return value


def _prices(value: object) -> _Prices:
    """Check and copy the prices of every channel."""
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"The prices of a price table must be a mapping, not {type(value).__name__}.")
    if not value:
        raise ConfigurationError("The price table names no price.")
    return {_channel(channel, "Price table"): _of_channel(channel, entries) for channel, entries in value.items()}


def _of_channel(channel: str, entries: object) -> Mapping[str, Decimal]:
    if not isinstance(entries, Mapping) or not entries:
        raise ConfigurationError(
            f'Price table, {channel}: there must be a table of prefixes and prices, such as {DEFAULT} = "0.05".'
        )
    prices: dict[str, Decimal] = {}
    for prefix, price in entries.items():
        _enter(prices, prefix, price, channel, f"Price table, {channel} {prefix}")
    return prices


def _enter(prices: dict[str, Decimal], prefix: object, price: object, channel: str, where: str) -> None:
    key = _prefix(prefix, channel, where)
    if key in prices:
        raise ConfigurationError(f"{where}: {channel} has a price for {key} already.")
    prices[key] = _price(price, where)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


@attrs.frozen(kw_only=True)
class CostEstimate:
    """
    What messages will cost, as far as a price table knows.

    ``total`` counts the first message of each failover chain, ``worst`` the dearest one with a price: the platform
    sends the next one only when the one before was rejected.
    """

    total: Decimal
    currency: str
    worst: Decimal
    messages: int
    """How many messages were looked at, priced or not; failover items are not counted by themselves."""

    unpriced: int
    """How many of them have no price in the table, and so are not in ``total``."""

    segments: int
    """How many parts the SMS in ``total`` are sent in."""

    by_channel: Mapping[str, Decimal]
    """``total`` by channel, such as ``{"sms": Decimal("12.40")}``."""

    by_prefix: Mapping[str, Decimal]
    """``total`` by the prefix whose price applied, over all channels; ``default`` where none fitted."""


@attrs.frozen(kw_only=True)
class PriceTable:
    """
    What a message costs, by channel and by the first digits of the recipient's number.

    ``PriceTable(currency="EUR", prices={"sms": {"default": "0.05", "44": "0.04"}, "whatsapp": {"default": "0.01"}})``

    A price is for one part of an SMS, and for one message on every other channel. Of several prefixes that fit the
    longest counts; ``default`` is for everybody else, a WhatsApp recipient without a number among them. Prices are
    text, whole numbers or ``Decimal``, never floats.

    Raises:
        ConfigurationError: an entry that cannot be a price, a prefix, a channel or a currency; the sentence names it.
    """

    currency: str = attrs.field(converter=_currency)
    prices: Mapping[str, Mapping[str, Decimal]] = attrs.field(converter=_prices)
    """By channel, and there by prefix."""

    _longest: Mapping[str, int] = attrs.field(init=False, eq=False, repr=False)

    @_longest.default
    def _longest_prefixes(self) -> Mapping[str, int]:
        # No more digits of a number are looked up than a prefix has: 3 us per message, not 4 (2026-11).
        return {
            channel: max(0 if prefix == DEFAULT else len(prefix) for prefix in entries)
            for channel, entries in self.prices.items()
        }

    @classmethod
    def from_toml(cls, text: str) -> PriceTable:
        """
        Read a price table from the text of a TOML file.

        ::

            currency = "EUR"

            [sms]               # each part
            default = "0.05"
            44 = "0.04"

            [whatsapp]          # each message
            default = 0.01      # without quotes it is read as exactly

        Raises:
            ConfigurationError: the text is no TOML, or an entry is refused; the sentence names line or key.
        """
        try:
            # A float would round the price. ValueError: TOMLDecodeError is one, and so is a number too long to read.
            entries: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
        except (ValueError, InvalidOperation, RecursionError) as error:
            raise ConfigurationError(f"The price table is not readable as TOML: {error}.") from error
        return cls(currency=entries.pop("currency", None), prices=entries)

    @classmethod
    def from_csv(cls, text: str, *, currency: str | None = None) -> PriceTable:
        """
        Read a price table from comma-separated text with a header line.

        ::

            channel,prefix,price,currency
            sms,default,0.05,EUR
            sms,44,0.04,EUR
            whatsapp,,0.01,EUR

        An empty prefix is ``default``. The column ``currency`` may be left out where *currency* is given; all of
        them must agree. Columns of other names, a country's name say, are passed over.

        Raises:
            ConfigurationError: a line is refused; the sentence names its number.
        """
        prices: dict[str, dict[str, Decimal]] = {}
        for number, row in _csv_rows(text):
            where = f"Price table, line {number}"
            currency = _same_currency(currency, row.get("currency", ""), where)
            channel = _channel(row["channel"], where)
            _enter(prices.setdefault(channel, {}), row["prefix"] or DEFAULT, row["price"], channel, where)
        if not prices:
            raise ConfigurationError("The price table names no price.")
        return cls(currency=currency, prices=prices)

    def cost(self, message: Message) -> Decimal | None:
        """
        Give the price of *message*, without its failover items; ``None`` where the table has none for it.

        An SMS costs its parts, counted with its own ``sms.encoding_type``. A ``RawMessage`` for SMS whose text or
        encoding cannot be found has no price.
        """
        charge = self._charge(message)
        return None if charge is None else charge.amount

    def worst(self, message: Message) -> Decimal | None:
        """Give the price of the dearest among *message* and its failover items; ``None`` where none has one."""
        dearest = self._dearest(message, message.failover or ())
        return None if dearest is None else dearest.amount

    def estimate(self, messages: Iterable[Message]) -> CostEstimate:
        """Add up what *messages* cost; they are looked at one by one, and none is kept."""
        count = unpriced = parts = 0
        units: Counter[_Entry] = Counter()
        worst: Counter[_Entry] = Counter()
        for message in messages:
            count += 1
            charge = self._charge(message)
            if charge is None:
                unpriced += 1
            else:
                units[charge.entry] += charge.units
                parts += charge.units if charge.entry[0] == ChannelType.SMS else 0
            failover = message.failover
            dearest = self._dearest(message, failover) if failover else charge
            if dearest is not None:
                worst[dearest.entry] += dearest.units
        return CostEstimate(
            total=self._sum(units),
            currency=self.currency,
            worst=self._sum(worst),
            messages=count,
            unpriced=unpriced,
            segments=parts,
            by_channel=self._by(units, 0),
            by_prefix=self._by(units, 1),
        )

    def _charge(self, message: Message) -> _Charge | None:
        channel = str(message.channel)
        entries = self.prices.get(channel)
        units = None if entries is None else _units(message)
        if entries is None or units is None:
            return None
        prefix = self._prefix_of(channel, message.to, entries)
        price = entries.get(prefix)
        if price is None:
            return None
        return _Charge((channel, prefix), price, units)

    def _prefix_of(self, channel: str, recipient: str, entries: Mapping[str, Decimal]) -> str:
        """Find the longest prefix of *recipient* that has a price. What is no number begins with none."""
        for length in range(self._longest[channel], 0, -1):
            if recipient[:length] in entries:
                return recipient[:length]
        return DEFAULT

    def _dearest(self, message: Message, failover: Iterable[Message]) -> _Charge | None:
        charges = (self._charge(each) for each in (message, *failover))
        return max((each for each in charges if each is not None), key=lambda each: each.amount, default=None)

    def _sum(self, units: Mapping[_Entry, int]) -> Decimal:
        total = _NOTHING
        for (channel, prefix), count in units.items():
            total = _EXACT.add(total, _EXACT.multiply(self.prices[channel][prefix], count))
        return total

    def _by(self, units: Mapping[_Entry, int], part: int) -> Mapping[str, Decimal]:
        """Add up by one half of the entries: channel or prefix."""
        keys = dict.fromkeys(entry[part] for entry in units)
        return {key: self._sum({entry: count for entry, count in units.items() if entry[part] == key}) for key in keys}


def _units(message: Message) -> int | None:
    """Count what *message* is charged by; ``None`` where an SMS does not show its text."""
    if message.channel != ChannelType.SMS:
        return 1
    written = text_and_encoding(message)
    return None if written is None else segments(*written).count


def _csv_rows(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Read the lines below the header, each with its number in the file."""
    # What Excel writes begins with a byte-order mark.
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    columns: list[str] = []
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if not any(stripped):
                continue
            if not columns:
                columns = _header([cell.lower() for cell in stripped], reader.line_num)
                continue
            if len(stripped) != len(columns):
                raise ConfigurationError(
                    f"Price table, line {reader.line_num}: there must be {len(columns)} columns as in the header, "
                    f"not {len(stripped)}."
                )
            yield reader.line_num, dict(zip(columns, stripped, strict=True))
    except csv.Error as error:
        raise ConfigurationError(f"Price table, line {reader.line_num}: {error}.") from error


def _header(columns: list[str], line: int) -> list[str]:
    missing = [name for name in _REQUIRED_COLUMNS if name not in columns]
    if missing:
        raise ConfigurationError(
            f"Price table, line {line}: the header must name {', '.join(_REQUIRED_COLUMNS)}; {', '.join(missing)} is "
            "missing."
        )
    if any(columns.count(name) > 1 for name in (*_REQUIRED_COLUMNS, "currency")):
        raise ConfigurationError(f"Price table, line {line}: the header names a column twice.")
    return columns


def _same_currency(known: str | None, given: str, where: str) -> str | None:
    if not given:
        return known
    if known not in {None, given}:
        raise ConfigurationError(f"{where}: the currency is {given!r}, and {known!r} elsewhere: a table has one.")
    return given
