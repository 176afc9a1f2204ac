from __future__ import annotations

import asyncio
import base64
import socket
import subprocess
import sys

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from vonage_messages.errors import ConfigurationError, SimulatorError
from vonage_messages.simulator import Delivery, Simulator


def credentials_of(simulator: Simulator) -> dict[str, str]:
    pair = f"{simulator.api_key}:{simulator.api_secret}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> str:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        encryption = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.com", "", "127.0.0.1.evil.example"])  # noqa: S104  the point of the test
def test_only_loopback_is_listened_on(host: str) -> None:
    with pytest.raises(ConfigurationError, match="loopback only"):
        Simulator(host=host)


@pytest.mark.parametrize(("host", "begins"), [("localhost", "http://127.0.0.1:"), ("127.0.0.2", "http://127.0.0.2:")])
async def test_every_loopback_address_will_do(host: str, begins: str) -> None:
    async with Simulator(host=host) as simulator:
        assert simulator.url.startswith(begins)


def has_ipv6_loopback() -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


@pytest.mark.skipif(not has_ipv6_loopback(), reason="this machine has no IPv6 loopback")
async def test_an_ipv6_host_stands_in_brackets() -> None:
    async with (
        Simulator(host="::1") as simulator,
        aiohttp.ClientSession() as session,
        session.get(f"{simulator.url}/unknown") as response,
    ):
        assert simulator.url.startswith("http://[::1]:")
        assert response.status == 404


async def test_a_port_that_is_taken_is_one_clear_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SimulatorError, match=f"port {port} of 127.0.0.1 is taken"):
            await Simulator(port=port).start()


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(ConfigurationError, match="port must be"):
        Simulator(port=port)


@pytest.mark.parametrize("options", [{"maximum": 0}, {"body_limit": 0}])
def test_bounds_of_nothing_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="1 or more"):
        Simulator(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["api_key", "api_secret", "application_id"])
@pytest.mark.parametrize("value", ["", "a:b", "a\nb"])
def test_credentials_that_cannot_be_written_are_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name) as caught:
        Simulator(**{name: value})  # type: ignore[arg-type]
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize("value", ["", "abc", "one\nof two lines"])
def test_a_signature_secret_that_no_verifier_takes_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match="signature_secret") as caught:
        Simulator(signature_secret=value)
    assert not value or value not in str(caught.value)


def test_a_key_that_is_no_rsa_key_is_refused() -> None:
    elliptic = pem_of(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(ConfigurationError, match="RSA key"):
        Simulator(private_key=elliptic)
    with pytest.raises(ConfigurationError, match="PEM text"):
        Simulator(private_key="no key")


def test_a_key_with_a_password_is_refused() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(ConfigurationError, match="without a password"):
        Simulator(private_key=pem_of(key, b"password"))


def test_a_given_key_is_kept_and_the_made_one_is_shared() -> None:
    own = pem_of(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    assert Simulator(private_key=own).private_key == own
    assert Simulator().private_key == Simulator().private_key != own


async def test_a_simulator_that_is_not_running_has_no_url() -> None:
    simulator = Simulator()
    for read in (lambda: simulator.url, simulator.environment):
        with pytest.raises(SimulatorError, match="not running"):
            read()
    async with simulator:
        assert simulator.url
    with pytest.raises(SimulatorError, match="not running"):
        simulator.client()


async def test_starting_twice_is_refused_and_stopping_twice_is_fine() -> None:
    simulator = Simulator()
    await simulator.start()
    with pytest.raises(SimulatorError, match="running already"):
        await simulator.start()
    await simulator.stop()
    await simulator.stop()


async def test_a_stopped_simulator_can_start_again_and_remembers() -> None:
    simulator = Simulator()
    async with simulator:
        simulator.state.add_inbound("whatsapp", "kept")
    async with simulator:
        assert simulator.state.inbound[0].message_uuid == "kept"


async def test_stopping_leaves_no_task_and_no_listener() -> None:
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession() as session:
        async with Simulator() as simulator:
            url = simulator.url
            async with session.get(url) as response:
                await response.read()
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(url)
    assert asyncio.all_tasks() == before


async def test_stopping_does_not_wait_for_a_caller_that_never_finishes() -> None:
    simulator = Simulator()
    await simulator.start()
    host, port = simulator.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /v1/messages HTTP/1.1\r\nHost: x\r\n")
    await writer.drain()
    async with asyncio.timeout(60):
        await simulator.stop()
        await reader.read()
    writer.close()
    await writer.wait_closed()


async def test_the_environment_points_a_program_here() -> None:
    async with Simulator(api_key="key", api_secret="secret", application_id="app") as simulator:
        assert simulator.environment() == {
            "VONAGE_API_KEY": "key",
            "VONAGE_API_SECRET": "secret",
            "VONAGE_APPLICATION_ID": "app",
            "VONAGE_PRIVATE_KEY": simulator.private_key,
            "VONAGE_SIGNATURE_SECRET": simulator.signature_secret,
            "VONAGE_BASE_URL": simulator.url,
        }


async def test_the_repr_shows_no_credential() -> None:
    async with Simulator(api_key="the-key", api_secret="the-secret") as simulator:
        shown = repr(simulator)
    assert shown.startswith("<Simulator http://127.0.0.1:")
    assert "the-" not in shown
    assert repr(simulator) == "<Simulator not running>"


async def test_clearing_forgets_messages_and_the_rate() -> None:
    async with Simulator(rate=1.0, monotonic=lambda: 1.0) as simulator, aiohttp.ClientSession() as session:
        credentials = credentials_of(simulator)
        sms = {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "a"}
        for _ in range(2):
            async with session.post(f"{simulator.url}/v1/messages", json=sms, headers=credentials) as response:
                assert response.status == 202
            assert len(simulator.messages) == 1
            async with session.post(f"{simulator.url}/v1/messages", json=sms, headers=credentials) as response:
                assert response.status == 429
            assert (simulator.throttled, len(simulator.arrivals)) == (1, 2)
            simulator.clear()
        assert (simulator.messages, simulator.throttled, len(simulator.arrivals)) == ([], 0, 0)


def test_without_a_rate_nothing_is_throttled() -> None:
    assert Simulator(rate=None).throttled == 0


def test_a_burst_without_a_rate_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="burst belongs to a rate"):
        Simulator(rate=None, burst=5)


def test_importing_the_package_loads_no_web_server() -> None:
    program = (
        "import sys, vonage_messages.simulator as simulator\n"
        "loaded = {'aiohttp', 'jwt', 'cryptography', 'attrs'} & set(sys.modules)\n"
        "print(sorted(loaded), sorted(simulator.__all__) == simulator.__all__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603  our own program
    assert done.stdout.strip() == "[] True"


def test_the_simulator_loads_nothing_of_the_client() -> None:
    program = (
        "import sys, vonage_messages.simulator.handle\n"
        "rooms = ('channels', 'wire', 'clients', 'auth')\n"
        "names = tuple(f'vonage_messages.{room}' for room in rooms)\n"
        "print([name for name in sys.modules if name.startswith(names)])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603  our own program
    assert done.stdout.strip() == "[]"


async def test_the_client_it_offers_sends_to_it() -> None:
    from vonage_messages import Sms  # noqa: PLC0415  the one test that meets the client

    async with Simulator() as simulator, simulator.client() as client:
        sent = await client.send(Sms(to="447700900000", from_="Acme", text="Hello"))
        assert simulator.messages[0].message_uuid == sent.message_uuid


def test_an_unknown_name_is_an_attribute_error() -> None:
    from vonage_messages import simulator  # noqa: PLC0415  the module itself

    with pytest.raises(AttributeError, match="Simulatr"):
        simulator.Simulatr  # noqa: B018
    assert dir(simulator) == simulator.__all__


async def test_rate_and_delivery_may_be_changed_while_it_runs() -> None:
    async with Simulator(rate=1.0, monotonic=lambda: 1.0) as simulator, aiohttp.ClientSession() as session:
        credentials = credentials_of(simulator)
        sms = {"channel": "sms", "message_type": "text", "to": "447700900000", "from": "Acme", "text": "a"}
        statuses = []
        for rate in (1.0, None):
            simulator.limit(rate)
            for _ in range(2):
                async with session.post(f"{simulator.url}/v1/messages", json=sms, headers=credentials) as response:
                    statuses.append(response.status)
        assert statuses == [202, 429, 202, 202]
        assert (simulator.rate, simulator.burst) == (None, None)
        with pytest.raises(ConfigurationError, match="burst belongs to a rate"):
            simulator.limit(None, 5)
        simulator.delivery = Delivery(submitted_after=0, delivered_after=0, spread=0)
        async with session.post(f"{simulator.url}/v1/messages", json=sms, headers=credentials):
            await simulator.settle()
        notes = simulator.state.statuses(simulator.messages[-1].message_uuid)
        assert len({note.at for note in notes}) == 1


def test_failures_can_be_looked_at() -> None:
    simulator = Simulator()
    simulator.fail(1320, to="447700900000")
    simulator.fail(1000, channel="sms", status="undeliverable")
    assert {key: failure.code for key, failure in simulator.failures.items()} == {
        ("447700900000", None): 1320,
        (None, "sms"): 1000,
    }
    simulator.recover()
    assert not simulator.failures
