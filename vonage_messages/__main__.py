"""
The door of the command line: ``vonage-messages`` and ``python -m vonage_messages``.

It needs the extra ``[cli]``; without it one sentence says so. The commands stand in ``vonage_messages.cli``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from vonage_messages.name_guard import check_name

check_name()

from vonage_messages.errors import MissingExtraError  # noqa: E402  in a mixed folder the guard speaks first

if TYPE_CHECKING:
    from collections.abc import Callable

_LIBRARIES_OF_THE_EXTRA = ("click", "rich")
_NOT_CONFIGURED = 2
_INTERRUPTED = 130


def main() -> None:
    """Run the command line. It ends with 0 (done), 1 (refused by the platform), 2 (bad input) or 130 (Ctrl-C)."""
    try:
        run = _commands()
    except MissingExtraError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(_NOT_CONFIGURED)
    except KeyboardInterrupt:  # importing takes its time; what comes later, the commands hear themselves
        sys.stderr.write("\nInterrupted.\n")
        sys.exit(_INTERRUPTED)
    run()


def _commands() -> Callable[[], None]:
    """
    Import the commands.

    Raises:
        MissingExtraError: a library of the extra is not installed.
    """
    try:
        from vonage_messages.cli.application import run  # noqa: PLC0415  what is missing must not be a traceback
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _LIBRARIES_OF_THE_EXTRA:
            raise
        raise MissingExtraError(
            'The command vonage-messages needs click and rich: pip install "vonage-messages-async[cli]"'
        ) from error
    return run


if __name__ == "__main__":
    main()
