"""
Tell whether a type checker knows the type of every public name, from pyright's report: you will see how much it knows.

``basedpyright --verifytypes vonage_messages --ignoreexternal --outputjson | python tests/type_completeness.py``: it
ends with 1 where the type of a name in ``public_names.txt``, or of something that such a name is made of, is unknown or
left to inference.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

LISTED = (Path(__file__).parent / "public_names.txt").read_text(encoding="utf-8").split()


def main() -> None:
    """Read the report, and print."""
    report = json.load(sys.stdin)["typeCompleteness"]
    by_name = {symbol["name"]: symbol for symbol in report["symbols"]}
    bad = [name for name in LISTED if name in by_name and not is_known(by_name[name])]
    seen = sum(name in by_name for name in LISTED)
    print(f"types of public names: {seen - len(bad)} of {seen} known; of all modules {report['completenessScore']:.1%}")  # noqa: T201
    for name in bad:
        said = [each["message"].splitlines()[0] for each in by_name[name]["diagnostics"]]
        print(f"{name}: {'; '.join(said)}")  # noqa: T201
    if bad or seen < len(LISTED) / 2:
        sys.exit(1)


def is_known(symbol: dict[str, object]) -> bool:
    """Tell whether the type of a symbol is known, and not by inference."""
    return bool(symbol["isTypeKnown"]) and not symbol["isTypeAmbiguous"]


if __name__ == "__main__":
    main()
