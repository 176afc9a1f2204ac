"""
``Limits``: which limits there are, as data, and which of them a message falls under.

Six levels: the account, the channel, the sender, the pair of sender and recipient, the country prefix of the
recipient, and caps on any of them. The published values stand in ``vonage_messages.limits.published``, what is left
of them in ``vonage_messages.limits.state``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias

import attrs

from vonage_messages.channels.base import Message
from vonage_messages.channels.enums import ChannelType
from vonage_messages.errors import ConfigurationError
from vonage_messages.limits.rate import Cap, Rate
from vonage_messages.values import masked, normalize_number

Limit: TypeAlias = Rate | Cap
"""One limit."""

LimitOrLimits: TypeAlias = Limit | tuple[Limit, ...]
"""One limit, or several that all hold."""

_CHANNELS = frozenset(channel.value for channel in ChannelType)


def _limits(value: object, where: str) -> LimitOrLimits:
    """Check one entry: a limit, or a list of them."""
    if isinstance(value, (Rate, Cap)):
        return value
    if isinstance(value, (list, tuple)) and value and all(isinstance(each, (Rate, Cap)) for each in value):
        return tuple(value)
    raise ConfigurationError(f"the limit of {where} must be a Rate, a Cap, or a list of them, not {value!r}.")


def _account(value: object) -> LimitOrLimits | None:
    return None if value is None else _limits(value, "account")


def _table(level: str, check_key: Callable[[str, str], str], value: object) -> Mapping[str, LimitOrLimits]:
    """Check one level: keys checked and normalised, values checked."""
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"Limits {level} must be a mapping, not {type(value).__name__}.")
    table: dict[str, LimitOrLimits] = {}
    for key, limit in value.items():
        if not isinstance(key, str) or not key:
            raise ConfigurationError(f"Limits {level} has a key that is no text: {key!r}.")
        checked = check_key(level, key)
        if checked in table:
            raise ConfigurationError(f"Limits {level} names {checked} twice.")
        table[checked] = _limits(limit, f"{level} {key}")
    return MappingProxyType(table)


def _channel(level: str, key: str) -> str:
    """Check ``whatsapp`` or ``messenger/audio,video``: a channel, and the message types that share the limit."""
    channel, slash, types = key.partition("/")
    if channel not in _CHANNELS:
        raise ConfigurationError(
            f"Limits {level} names a channel that does not exist, {channel!r}: it must be one of "
            f"{', '.join(sorted(_CHANNELS))}."
        )
    if slash and not all(types.split(",")):
        raise ConfigurationError(
            f"Limits {level} {key!r} must name message types behind the slash, such as audio,video."
        )
    return key


def _sender(_level: str, key: str) -> str:
    """Normalise ``14155550100``, ``Acme`` or ``whatsapp/14155550100``."""
    channel, slash, sender = key.partition("/")
    if slash and channel in _CHANNELS:
        return f"{channel}/{normalize_number(sender)}"
    return normalize_number(key)


def _prefix(level: str, key: str) -> str:
    digits = key.removeprefix("+")
    if not digits.isascii() or not digits.isdigit() or digits.startswith("0"):
        raise ConfigurationError(f"Limits {level} {key!r} must be the first digits of a number, such as 44.")
    return digits


def _channels(value: object) -> Mapping[str, LimitOrLimits]:
    return _table("channels", _channel, value)


def _senders(value: object) -> Mapping[str, LimitOrLimits]:
    return _table("senders", _sender, value)


def _each_sender(value: object) -> Mapping[str, LimitOrLimits]:
    return _table("each_sender", _channel, value)


def _pairs(value: object) -> Mapping[str, LimitOrLimits]:
    return _table("pairs", _channel, value)


def _prefixes(value: object) -> Mapping[str, LimitOrLimits]:
    return _table("prefixes", _prefix, value)


@attrs.frozen(kw_only=True, eq=True, hash=False)
class Limits:
    """
    What may be sent, and how fast. Every limit that a message falls under must have a place for it.

    ::

        Limits(
            account=Rate(30),
            channels={"sms": Rate(20)},
            senders={"14155550100": (Rate(1), Cap(2_000))},
            each_sender={"whatsapp": Rate(80)},
            pairs={"whatsapp": Rate(1, per=6.0, burst=45)},
            prefixes={"1": Rate(10)},
        )

    *account*: all requests of the API key.
    *channels*: by channel, or by channel and message types that share a limit (``messenger/audio,video``).
    *senders*: by sender; ``whatsapp/14155550100`` is that sender on that channel only.
    *each_sender*: by channel (or channel and types): the limit of every sender that *senders* does not name, each by
    itself.
    *pairs*: by channel: the limit from one sender to one recipient.
    *prefixes*: by the first digits of the recipient's number; of several that fit, the longest counts.

    Each value is a ``Rate``, a ``Cap``, or a list of them. A native failover chain is charged for its first message:
    when the platform sends a later one is not known here.

    Raises:
        ConfigurationError: a key or a value that cannot be a limit; the sentence names it.
    """

    account: LimitOrLimits | None = attrs.field(default=None, converter=_account)
    channels: Mapping[str, LimitOrLimits] = attrs.field(factory=dict, converter=_channels)
    senders: Mapping[str, LimitOrLimits] = attrs.field(factory=dict, converter=_senders)
    each_sender: Mapping[str, LimitOrLimits] = attrs.field(factory=dict, converter=_each_sender)
    pairs: Mapping[str, LimitOrLimits] = attrs.field(factory=dict, converter=_pairs)
    prefixes: Mapping[str, LimitOrLimits] = attrs.field(factory=dict, converter=_prefixes)

    @classmethod
    def published(cls) -> Limits:
        """Give the limits that the platform and its providers publish; see ``limits.published``."""
        from vonage_messages.limits.published import PUBLISHED  # noqa: PLC0415  it is built out of this class

        return PUBLISHED

    @classmethod
    def sandbox(cls) -> Limits:
        """Give the limits of the Messages Sandbox: one message a second, 100 in a month of 30 days."""
        from vonage_messages.limits.published import SANDBOX  # noqa: PLC0415  see published

        return SANDBOX

    @classmethod
    def unlimited(cls) -> Limits:
        """Give no limit at all: for an account whose limits somebody else keeps, and for measuring."""
        return cls()

    @classmethod
    def from_toml(cls, text: str) -> Limits:
        """
        Read limits from the text of a TOML file; see ``limits.toml`` for its form.

        Raises:
            ConfigurationError: the text is no TOML, or names what is no limit.
        """
        from vonage_messages.limits.toml import read_limits  # noqa: PLC0415  tomllib is not needed for anything else

        return read_limits(text)

    @property
    def caps(self) -> tuple[str, ...]:
        """Name every limit that is a ``Cap``: those need a store that outlives the process."""
        return tuple(where for where, limit in self.each() if isinstance(limit, Cap))

    def each(self) -> Iterator[tuple[str, Limit]]:
        """List every limit with its place: ``("account", Rate(30))``, ``("pairs whatsapp", …)``."""
        for limit in as_limits(self.account):
            yield "account", limit
        for level in ("channels", "senders", "each_sender", "pairs", "prefixes"):
            for key, limits in getattr(self, level).items():
                for limit in as_limits(limits):
                    yield f"{level} {key}", limit


def as_limits(value: LimitOrLimits | None) -> tuple[Limit, ...]:
    """Give the limits of an entry, none, one or several."""
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def shared_levels(limits: Limits, message: Message) -> Iterator[tuple[str, Limit]]:
    """
    List the limits of channel and sender that *message* falls under, each with its key.

    They depend on channel, message type and sender alone, and may be remembered for the three.
    """
    channel, message_type, sender = message.channel, message.message_type, message.from_
    yield from _of_channel(limits.channels, "channel", channel, message_type, "")
    named = limits.senders.get(f"{channel}/{sender}")
    if named is not None:
        yield from _numbered(f"sender {channel}/{sender}", named)
        return
    named = limits.senders.get(sender)
    if named is not None:
        yield from _numbered(f"sender {sender}", named)
        return
    yield from _of_channel(limits.each_sender, "sender", channel, message_type, f"/{sender}")


def own_levels(limits: Limits, message: Message) -> Iterator[tuple[str, Limit]]:
    """List the limits of *message* that depend on its recipient: the pair, and the country prefix."""
    recipient = message.to
    if limits.prefixes and recipient.isascii() and recipient.isdigit():
        for length in range(len(recipient), 0, -1):
            found = limits.prefixes.get(recipient[:length])
            if found is not None:
                yield from _numbered(f"prefix {recipient[:length]}", found)
                break
    if limits.pairs:
        yield from _of_channel(
            limits.pairs, "pair", message.channel, message.message_type, f"/{message.from_}/{recipient}"
        )


def typed_channels(limits: Limits) -> frozenset[str]:
    """Name the channels on which some message types have limits that others have not."""
    tables = (limits.channels, limits.each_sender, limits.pairs)
    return frozenset(key.partition("/")[0] for table in tables for key in table if "/" in key)


def shown(key: str) -> str:
    """Write the key of a limit as it may be logged: whom it names is masked."""
    level, _, rest = key.partition(" ")
    if level not in {"sender", "pair"}:
        return key
    channel, *people = rest.split("/")
    if not people:
        return f"{level} {masked(channel)}"
    return f"{level} {'/'.join([channel, *(masked(each) for each in people)])}"


def _of_channel(
    table: Mapping[str, LimitOrLimits], level: str, channel: str, message_type: str, who: str
) -> Iterator[tuple[str, Limit]]:
    """List the entries of *table* that stand for *channel*, or for *message_type* on it."""
    for key, limits in table.items():
        name, _, types = key.partition("/")
        if name == channel and (not types or message_type in types.split(",")):
            yield from _numbered(f"{level} {key.replace('/', ':')}{who}", limits)


def _numbered(key: str, limits: LimitOrLimits) -> Iterator[tuple[str, Limit]]:
    """Give each limit of an entry a key of its own: the second of ``sender Acme`` is ``sender Acme #2``."""
    for number, limit in enumerate(as_limits(limits), start=1):
        yield (key if number == 1 else f"{key} #{number}"), limit
