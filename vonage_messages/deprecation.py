"""How a spelling that will go says so. The policy is in ``docs/support.md``."""

from __future__ import annotations

import sys
import warnings

_PACKAGE = __name__.partition(".")[0]


class VonageMessagesDeprecationWarning(DeprecationWarning):
    """
    A spelling of this package that still works, and will go with the version that the text names.

    ``python -W error::DeprecationWarning`` finds them all. To act on ours alone::

        warnings.filterwarnings("error", category=VonageMessagesDeprecationWarning)
    """


def warn_deprecated(spelling: str, *, instead: str, removed_in: str) -> None:
    """
    Tell whoever wrote *spelling* to write *instead*, because it goes with version *removed_in*.

    The warning names the line of the caller that is not ours, however deep in the package this is called, so that
    Python shows it to whoever can mend it, and shows each line once.
    """
    warnings.warn(
        f"{spelling} is deprecated, and will go with version {removed_in}. Write {instead}.",
        VonageMessagesDeprecationWarning,
        stacklevel=_distance_to_caller(),
    )


def _distance_to_caller() -> int:
    """Count the frames from ``warn_deprecated`` to the first that is neither ours nor an ``__init__`` of attrs."""
    distance = 2
    frame = sys._getframe(2)  # noqa: SLF001  the one way to it that needs no import of inspect
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__", ""), frame.f_code.co_filename):
        frame = frame.f_back
        distance += 1
    return distance


def _is_ours(module: str, file: str) -> bool:
    return module == _PACKAGE or module.startswith(f"{_PACKAGE}.") or file.startswith("<attrs generated")
