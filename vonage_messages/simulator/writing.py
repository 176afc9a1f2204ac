"""
How people write to the application: what they say is made up where nobody says it, kept, and handed to ``dispatch.py``.

Both come here, what somebody lets a person write and what people do by habit.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from vonage_messages.errors import SimulatorError
from vonage_messages.logs import LogEvent, about
from vonage_messages.simulator.people import COMPANY, Written, default_person, inbound_kept
from vonage_messages.simulator.state import KnownInbound, Media, ReceivedMessage, instant

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from vonage_messages.simulator.callbacks import CallbackTry
    from vonage_messages.simulator.dispatch import Dispatch
    from vonage_messages.simulator.habits import Deed
    from vonage_messages.simulator.state import SimulatorState

_LOGGER = logging.getLogger(__name__)


class Writing:
    """Lets people write. *base_url* gives the address of the simulator, where media lie."""

    def __init__(
        self, dispatch: Dispatch, state: SimulatorState, clock: Callable[[], float], base_url: Callable[[], str]
    ) -> None:
        self._dispatch = dispatch
        self._state = state
        self._clock = clock
        self._base_url = base_url

    def answered(self, reply_to: ReceivedMessage | str | None) -> ReceivedMessage | None:
        """
        Find the message that is answered.

        Raises:
            SimulatorError: none that is held has this id.
        """
        if reply_to is None or isinstance(reply_to, ReceivedMessage):
            return reply_to
        message = self._state.message(reply_to)
        if message is None:
            raise SimulatorError("reply_to names no message that has arrived here")
        return message

    def write(  # noqa: PLR0913  what a person writes, by name
        self,
        *,
        channel: str | None,
        message_type: str,
        from_: str | None,
        to: str | None,
        answered: ReceivedMessage | None,
        file: Media,
        version: str | None,
        signature_secret: str | None,
        fields: Mapping[str, Any],
        media_name: str | None = None,
    ) -> tuple[KnownInbound, asyncio.Future[CallbackTry] | None]:
        """Let a person write now, and give what is kept of it, with the future of the first try to hand it over."""
        chosen = channel or (_v1_channel(answered.channel) if answered is not None else "sms")
        written = Written(
            message_uuid=str(uuid4()),
            channel=chosen,
            message_type=message_type,
            to=to or (answered.from_ if answered is not None else COMPANY.get(chosen, "")),
            from_=from_ or (answered.to if answered is not None else default_person(chosen)),
            at=self._clock(),
            context_uuid=None if answered is None else answered.message_uuid,
            base_url=self._base_url(),
            fields=fields,
            media_name=media_name,
        )
        first = self._dispatch.write(written, version=version, signature_secret=signature_secret)
        return self._keep(written, file), first

    def do(self, message: ReceivedMessage, done: Deed) -> None:
        """Let a person do what is their habit, where the channel can tell of it, with a message that is still held."""
        if self._state.message(message.message_uuid) is None:
            return
        try:
            self.write(
                channel=_v1_channel(message.channel),
                message_type=done.message_type,
                from_=message.to,
                to=message.from_,
                answered=message if done.quotes else None,
                file=Media(content=b"", content_type="application/octet-stream", sent_at=instant(self._clock())),
                version=None,
                signature_secret=None,
                fields=done.fields,
            )
        except SimulatorError as error:
            # An SMS from a name, say, cannot be answered.
            _LOGGER.info(
                "a person could not do what is their habit: %s", error, extra=about(LogEvent.SIMULATOR_HABIT_FAILED)
            )

    def _keep(self, written: Written, file: Media) -> KnownInbound:
        self._state.add_media(written.message_uuid, file)
        known = KnownInbound(
            message_uuid=written.message_uuid,
            channel=written.channel,
            message_type=written.message_type,
            from_=written.from_,
            to=written.to,
            payload=inbound_kept(written),
            written_at=instant(written.at),
            context_uuid=written.context_uuid,
        )
        self._state.add_written(known)
        return known


def _v1_channel(channel: str) -> str:
    return "viber_service" if channel == "viber_service_msg" else channel
