"""
Public names that are loaded when they are asked for, so that nobody waits for what he does not use.

Type checkers read the imports of a package that stand under ``if TYPE_CHECKING``. They must not see a ``__getattr__``:
every misspelt name would be one for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def load_lazily(package: dict[str, Any], homes: Mapping[str, str]) -> None:
    """
    Give a package its ``__getattr__``, and a ``__dir__`` that lists its ``__all__``; *package* is its ``globals()``.

    *homes* holds modules below the package, and the names that each of them gives, with spaces between them. A name
    may be that of a module itself.
    """
    home_of = {name: home for home, names in homes.items() for name in names.split()}

    def load(name: str) -> object:
        home = home_of.get(name)
        if home is None:
            raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")
        value: object = getattr(__import__(f"{package['__name__']}.{home}", fromlist=[name]), name)
        package[name] = value
        return value

    package["__getattr__"] = load
    package["__dir__"] = lambda: list(package["__all__"])
