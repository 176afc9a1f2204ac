"""What can be examined without asking anybody: the installation, the variables, the key file."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shlex
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vonage_messages.auth import ApplicationAuth, BasicAuth
from vonage_messages.errors import ConfigurationError
from vonage_messages.onboarding.findings import Finding, good, skipped, wrong
from vonage_messages.wire.applications import is_application_id

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST_PYTHON: Final = (3, 11)
DEPENDENCIES: Final = {
    "aiohttp": (3, 11),
    "attrs": (24, 1),
    "cattrs": (24, 1),
    "pyjwt": (2, 9),
    "cryptography": (43,),
}
"""The core dependencies and their oldest versions, as in the metadata of the package."""

SHORTEST_SECRET: Final = 16
"""Characters of a signature secret. The guides ask for 32 bits only; whoever sees a callback can guess a short one."""

_OTHER: Final = "vonage-messages"
_OTHERS_MAY: Final = stat.S_IRWXG | stat.S_IRWXO
_PEM: Final = "-----BEGIN"


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Look at the version of Python."""
    shown = ".".join(str(part) for part in version[:3])
    if version[:2] < OLDEST_PYTHON:
        return wrong(
            "python", f"Python {shown}", "Install Python 3.11 or newer, and make the environment anew with it."
        )
    return good("python", f"Python {shown}")


def check_dependencies() -> Finding:
    """Look at the versions of what this package is built on."""
    found, problems = [], []
    for name, oldest in DEPENDENCIES.items():
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            problems.append(f"{name} is missing")
            continue
        found.append(f"{name} {version}")
        if _numbers(version) < oldest:
            problems.append(f"{name} {version} is older than {'.'.join(map(str, oldest))}")
    if problems:
        mend = "Run: pip install --upgrade vonage-messages-async"
        return wrong("dependencies", "; ".join(problems), mend)
    return good("dependencies", ", ".join(found))


def check_import_name(folder: Path | None = None) -> Finding:
    """
    Look for whatever else is called ``vonage_messages``.

    That is Vonage's synchronous SDK, and a file or folder of that name in *folder* (the working one): a program that is
    started there would import it.
    """
    try:
        version = importlib.metadata.version(_OTHER)
    except importlib.metadata.PackageNotFoundError:
        shadow = _shadow(Path.cwd() if folder is None else folder)
        if shadow is None:
            return good("import name", "vonage_messages belongs to this package alone")
        found = f"{shadow.name} in the working folder hides this package from programs beside it"
        return wrong("import name", found, f"Give it another name: {shadow}")
    return wrong(
        "import name",
        f"the distribution {_OTHER} {version} is installed too, and has the same import name",
        "Run: pip uninstall -y vonage vonage-messages vonage-messages-async && pip install vonage-messages-async",
    )


def _shadow(folder: Path) -> Path | None:
    ours = Path(__file__).parent.parent
    for shadow in (folder / f"{ours.name}.py", folder / ours.name):
        if shadow.exists() and not shadow.samefile(ours):
            return shadow
    return None


def check_credentials(variables: Mapping[str, str]) -> Finding:
    """Look whether a program would find credentials."""
    pairs = (("VONAGE_APPLICATION_ID", "VONAGE_PRIVATE_KEY"), ("VONAGE_API_KEY", "VONAGE_API_SECRET"))
    given = [name for pair in pairs for name in pair if variables.get(name, "").strip()]
    half = [name for pair in pairs for name in pair if name not in given and any(each in given for each in pair)]
    if half:
        return wrong("credentials", f"{' and '.join(half)} is not set, its other half is", f"Set {' and '.join(half)}.")
    if not given:
        return wrong(
            "credentials",
            "there are none in the environment",
            "Run vonage-messages setup, and set the variables that it prints.",
        )
    return good("credentials", ", ".join(given))


def check_application_id(variables: Mapping[str, str]) -> Finding:
    """Look whether the application id can be one."""
    application_id = variables.get("VONAGE_APPLICATION_ID", "").strip()
    if not application_id:
        return skipped("application id", "VONAGE_APPLICATION_ID is not set")
    if not is_application_id(application_id):
        return wrong(
            "application id",
            "VONAGE_APPLICATION_ID is no UUID",
            "Copy the application's id from the dashboard: 36 characters with hyphens, not its name or the API key.",
        )
    return good("application id", "a UUID")


def check_key(variables: Mapping[str, str]) -> tuple[Finding, ApplicationAuth | None]:
    """Look whether the private key can be read; with it come the credentials that hold it."""
    key = variables.get("VONAGE_PRIVATE_KEY", "").strip()
    if not key:
        return skipped("private key", "VONAGE_PRIVATE_KEY is not set"), None
    try:
        auth = ApplicationAuth(variables.get("VONAGE_APPLICATION_ID", "").strip() or "unknown", key)
    except ConfigurationError as error:
        mend = f"Set VONAGE_PRIVATE_KEY to the path of the key file, or make a new key: {new_key_command(variables)}"
        return wrong("private key", str(error).rstrip("."), mend), None
    return good("private key", "an RSA key"), auth


def new_key_command(variables: Mapping[str, str]) -> str:
    """Name the command that gives the application another key, in a file where none is."""
    application_id = variables.get("VONAGE_APPLICATION_ID", "").strip()
    known = application_id if is_application_id(application_id) else "ID"
    return f"vonage-messages setup --application-id {known} --new-key --key-file new.key"


def check_key_mode(variables: Mapping[str, str]) -> Finding:
    """Look who may read the key file."""
    key = variables.get("VONAGE_PRIVATE_KEY", "").strip()
    if not key or key.startswith(_PEM) or os.name == "nt":
        return skipped("key file mode", "there is no key file whose mode counts")
    try:
        found = Path(key).stat().st_mode
    except (OSError, ValueError):
        return skipped("key file mode", "there is no key file")
    if not stat.S_ISREG(found):  # a folder without its x, say, cannot be entered any more
        return skipped("key file mode", "it is no file")
    mode = stat.S_IMODE(found)
    if mode & _OTHERS_MAY:
        return wrong(
            "key file mode", f"others may use it: its mode is {mode:04o}", f"Run: chmod 600 {shlex.quote(key)}"
        )
    return good("key file mode", f"{mode:04o}, for its owner alone")


def check_signature_secret(variables: Mapping[str, str]) -> Finding:
    """Look at what callbacks are checked with."""
    secret = variables.get("VONAGE_SIGNATURE_SECRET", "").strip()
    take = "Set VONAGE_SIGNATURE_SECRET to the signature secret of the dashboard's settings"
    if not secret:
        return wrong("signature secret", "VONAGE_SIGNATURE_SECRET is not set", f"{take}.")
    if len(secret) < SHORTEST_SECRET:
        found = f"{len(secret)} characters: anybody who sees a callback may guess it"
        return wrong("signature secret", found, f"{take}; it should have {SHORTEST_SECRET} characters at least.")
    if secret in {variables.get("VONAGE_API_SECRET", "").strip(), variables.get("VONAGE_PRIVATE_KEY", "").strip()}:
        return wrong("signature secret", "it is the API secret or the private key", f"{take}, which is another.")
    return good("signature secret", f"{len(secret)} characters")


def account_auth(variables: Mapping[str, str]) -> BasicAuth | None:
    """Give the credentials of the account, where they are there and can be used."""
    key, secret = (variables.get(name, "").strip() for name in ("VONAGE_API_KEY", "VONAGE_API_SECRET"))
    try:
        return BasicAuth(key, secret) if key and secret else None
    except ConfigurationError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
