"""
The guard of the import name.

Vonage's own synchronous SDK (distribution ``vonage-messages``) installs an import package that is called
``vonage_messages`` too. Installed together, the two overwrite each other's files without a word from pip, and
removing theirs deletes ``__init__.py`` of ours. So the doors of this package (``__init__``, ``clients``,
``receiving``, ``webhooks``, ``simulator``, ``__main__``) each ask here first: whichever distribution was installed
last owns ``__init__.py``, and one door alone could be theirs.

Nothing here imports anything but ``os`` and ``sys``: ``importlib.metadata`` alone would cost more than the
rest of ``import vonage_messages``.
"""

from __future__ import annotations

import os
import sys

_OTHER = "vonage_messages"
_METADATA = (".dist_info", ".egg_info")
_MEND = (
    "To mend it:\n"
    "    pip uninstall -y vonage vonage-messages vonage-messages-async\n"
    "    pip install --force-reinstall vonage-messages-async"
)

_checked = False


def check_name() -> None:
    """
    Refuse to go on where the files of two distributions may be mixed.

    The answer is looked for once in a process. It is the same wherever on the import path ``vonage-messages`` was
    found: in one folder the two overwrite each other, in two folders one hides the other.

    Raises:
        ImportError: the distribution ``vonage-messages`` is installed too, or has taken ``__init__.py`` away.
    """
    global _checked  # noqa: PLW0603  one process, one answer: the doors ask in turn
    if _checked:
        return
    folder = _other_distribution()
    if folder is not None:
        raise ImportError(
            "The distributions vonage-messages (Vonage's synchronous SDK) and vonage-messages-async both install "
            f"an import package called vonage_messages, and vonage-messages is installed here too ({folder}). "
            "The two overwrite or hide each other's files, so neither can be trusted to work: an environment can hold "
            f"only one of them. {_MEND}"
        )
    package = sys.modules.get("vonage_messages")
    if package is not None and getattr(package, "__file__", None) is None:
        raise ImportError(
            "vonage_messages has lost its __init__.py: the distribution vonage-messages (Vonage's synchronous SDK) "
            "was installed beside vonage-messages-async, and removing it deleted files that both had written. "
            f"{_MEND}"
        )
    _checked = True


def _other_distribution() -> str | None:
    """Name the metadata folder of ``vonage-messages``, looked up by its name on the import path."""
    for entry in sys.path:
        try:
            names = os.listdir(entry or ".")  # noqa: PTH208  pathlib would triple the import time
        except OSError:
            continue
        for name in names:
            if _is_metadata_of_other(name):
                return os.path.join(entry, name)  # noqa: PTH118  pathlib would triple the import time
    return None


def _is_metadata_of_other(name: str) -> bool:
    """
    Tell whether a folder is called like the metadata of ``vonage-messages``.

    It is the project's name, a hyphen and a version, in whatever spelling an installer chose (Python Packaging User
    Guide, "Recording installed projects"); ``egg-info`` of a checkout has no version.
    """
    spelled = name.lower().replace("-", "_").replace(".", "_", name.count(".") - 1)
    if not spelled.startswith(_OTHER) or not spelled.endswith(_METADATA):
        return False
    version = spelled[len(_OTHER) :].rpartition(".")[0]
    # A version begins with a digit; what follows the name of our own distribution is "async".
    return not version or (version[0] == "_" and version[1:2].isdigit())
