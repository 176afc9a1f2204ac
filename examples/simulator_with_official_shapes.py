"""
You will see: what the official SDK puts on the wire, with either kind of credentials, and what the simulator answers.

Nothing of this package is imported: the simulator is plain HTTP, for every SDK that lets you choose its address. Start
`vonage-messages simulator` in another terminal, and paste the `export` lines that it prints into this one.
"""

import base64
import http.client
import json
import os
import platform
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import jwt

HEADERS = {
    "Content-Type": "application/json",
    "Accept": "*/*",
    "User-Agent": f"vonage-python-sdk/4.4.0 python/{platform.python_version()}",
}


def request(method: str, path: str, authorization: str, body: dict[str, object]) -> dict[str, str]:
    """Make one request, on a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(os.environ["VONAGE_BASE_URL"]).netloc, timeout=30)
    connection.request(method, path, json.dumps(body), {**HEADERS, "Authorization": authorization})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    print(f"{method} {path} with {authorization.split(maxsplit=1)[0]}: {response.status}")
    return json.loads(text) if text else {}


def basic() -> str:
    """Give the credentials of the account."""
    pair = f"{os.environ['VONAGE_API_KEY']}:{os.environ['VONAGE_API_SECRET']}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def bearer() -> str:
    """Give a token of the application, which is made anew for each request and lives for 15 minutes."""
    key = os.environ["VONAGE_PRIVATE_KEY"]
    private_key = key if key.startswith("-----BEGIN") else Path(key).read_text(encoding="utf-8")
    now = int(time.time())
    claims = {"application_id": os.environ["VONAGE_APPLICATION_ID"], "iat": now, "exp": now + 900}
    claims["jti"] = str(uuid.uuid4())
    return f"Bearer {jwt.encode(claims, private_key, algorithm='RS256')}"


def main() -> None:
    """Send, take back, and make a mistake."""
    sms = {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "Hello"}
    rcs = {**sms, "channel": "rcs", "client_ref": "parcel-1"}
    request("POST", "/v1/messages", basic(), sms)
    sent = request("POST", "/v1/messages", bearer(), rcs)
    request("PATCH", f"/v1/messages/{sent['message_uuid']}", bearer(), {"status": "revoked"})
    problem = request("POST", "/v1/messages", bearer(), {**sms, "to": "+44 7700 900000"})
    print(f"{problem['title']}: {problem['detail']}")


if __name__ == "__main__":
    main()
