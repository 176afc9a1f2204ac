"""Whatever goes wrong in an exporter, a sampler or here: the message goes out, and the log has one line of it."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from vonage_messages.logs import LogEvent, about

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("vonage_messages")

ArgumentsT = ParamSpec("ArgumentsT")
ResultT = TypeVar("ResultT")

_told: set[str] = set()


def quietly(function: Callable[ArgumentsT, ResultT]) -> Callable[ArgumentsT, ResultT | None]:
    """Have *function* give ``None`` where it raises; of each, that is logged once."""

    @functools.wraps(function)
    def guarded(*args: ArgumentsT.args, **kwargs: ArgumentsT.kwargs) -> ResultT | None:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001  whatever a watcher does, the message goes out
            _tell(function.__qualname__, error)
            return None

    return guarded


def _tell(where: str, error: Exception) -> None:
    if where in _told:
        return
    _told.add(where)
    # The words of the exception are somebody else's and may hold anything: they go to DEBUG.
    logger.warning(
        "telemetry failed with %s in %s; further failures there are not logged",
        type(error).__name__,
        where,
        extra=about(LogEvent.TELEMETRY_FAILED),
    )
    logger.debug("what telemetry raised", exc_info=error, extra=about(LogEvent.TELEMETRY_FAILED))
