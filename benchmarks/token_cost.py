"""
What the credentials of a request cost: you will see medians and spreads, in microseconds.

Four rows: loading a key, signing a token with a loaded key, taking the cached header (what ``Client.send`` pays), and
PyJWT given PEM text each time (what signing without a loaded key pays). Run: ``python benchmarks/token_cost.py``.
"""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from vonage_messages.auth import ApplicationAuth

if TYPE_CHECKING:
    from collections.abc import Callable

APPLICATION_ID = "aaaaaaaa-bbbb-cccc-dddd-0123456789ab"


def measured(job: Callable[[], object], rounds: int, repeats: int = 1) -> list[float]:
    """Time *job* in microseconds: *rounds* samples, each the mean of *repeats* calls."""
    job()
    samples = []
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(repeats):
            job()
        samples.append((time.perf_counter() - begun) / repeats * 1e6)
    return samples


def main() -> None:
    """Measure and print."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    auth = ApplicationAuth(APPLICATION_ID, pem)

    def sign() -> None:
        auth.invalidate(auth.authorization())
        auth.authorization()

    def sign_from_pem() -> None:
        now = int(time.time())
        claims = {"application_id": APPLICATION_ID, "iat": now, "exp": now + 900, "jti": "one"}
        jwt.encode(claims, pem, algorithm="RS256")

    rows = {
        "load a key (once)": measured(lambda: ApplicationAuth(APPLICATION_ID, pem), 30),
        "sign a token (each 15 minutes)": measured(sign, 100),
        "take the cached header (each send)": measured(auth.authorization, 50, 1000),
        "sign from PEM text each time": measured(sign_from_pem, 30),
    }
    print(f"{'':36}{'median':>12}{'10 %':>12}{'90 %':>12}   µs")
    for name, samples in rows.items():
        tenths = statistics.quantiles(samples, n=10)
        print(f"{name:36}{statistics.median(samples):12.2f}{tenths[0]:12.2f}{tenths[-1]:12.2f}")


if __name__ == "__main__":
    main()
