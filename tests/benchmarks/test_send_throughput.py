"""The harness that measures sending, on a very small job: it counts right, and its server counts what arrived."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(*arguments: str | Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / arguments[0]), *map(str, arguments[1:])]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)  # noqa: S603  our own file


@pytest.fixture
def server() -> Iterator[str]:
    command = [sys.executable, str(BENCHMARKS / "loopback_server.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  see run
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()
        assert process.wait(60) == 0


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> tuple[int, Any]:
    connection.request(method, path, body)
    answer = connection.getresponse()
    text = answer.read()
    return answer.status, json.loads(text) if text else None


def test_small_run_sends_what_it_says_and_writes_it_down(tmp_path: Path) -> None:
    results = tmp_path / "deep" / "results.json"
    ended = run(
        "send_throughput.py", "--rows", "client.attempt @32", "--rounds", "1", "--count", "200", "--warm-up", "32",
        "--no-install", "--cache", tmp_path, "--results", results,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    told = json.loads(results.read_text())
    assert set(told["rows"]) == {"raw aiohttp @32, again", "client.attempt @32"}
    for row in told["rows"].values():
        assert row["messages_per_round"] == 200
        assert row["messages_per_second"]["median"] > 0
        assert 0 < row["cpu_ratio"]["median"] < 20
        assert 5 < row["peak_megabytes"] < 500
        assert row["throughput_ratio"]["median"] > 0
    (pair,) = told["pairs"]["client.attempt @32"]
    row, baseline = pair["row"], pair["baseline"]
    ratios = told["rows"]["client.attempt @32"]
    assert ratios["cpu_ratio"]["median"] == pytest.approx(row["cpu_seconds"] / baseline["cpu_seconds"])
    assert ratios["throughput_ratio"]["median"] == pytest.approx(baseline["seconds"] / row["seconds"])
    assert "client.attempt @32" in ended.stdout


def test_server_counts_messages_and_nothing_else(server: str) -> None:
    connection = http.client.HTTPConnection(server, timeout=60)
    assert ask(connection, "GET", "/count") == (200, 0)
    for _ in range(3):
        status, body = ask(connection, "POST", "/v1/messages", b"{}")
        assert (status, set(body)) == (202, {"message_uuid"})
    assert ask(connection, "GET", "/count") == (200, 3)
    connection.close()


def test_server_takes_requests_in_pieces_and_in_heaps(server: str) -> None:
    host, _, port = server.partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    connection.connect()
    message = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nCONTENT-LENGTH: 2\r\n\r\n{}"
    for piece in (message[:10], message[10:-1], message[-1:] + message * 2):
        connection.sock.sendall(piece)
    connection.sock.settimeout(60)
    received = b""
    while received.count(b"message_uuid") < 3:
        more = connection.sock.recv(65_536)
        assert more
        received += more
    connection.close()
    other = http.client.HTTPConnection(server, timeout=60)
    assert ask(other, "GET", "/count") == (200, 3)
    other.close()


@pytest.mark.parametrize("path", ["/v1/messages", "/"])
def test_server_refuses_what_it_does_not_know(server: str, path: str) -> None:
    connection = http.client.HTTPConnection(server, timeout=60)
    assert ask(connection, "GET", path) == (400, None)
    connection.close()


def test_row_whose_package_is_missing_says_so(server: str) -> None:
    ended = run("send_rows.py", "twilio @32", "--url", f"http://{server}", "--count", "1", "--warm-up", "1")
    assert json.loads(ended.stdout) == {"missing": "No module named 'twilio'"}


def test_peer_that_may_not_be_installed_is_named_and_left_out(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    ended = run(
        "send_throughput.py", "--rows", "vonage, basic, sequential", "--rounds", "1", "--count", "64",
        "--warm-up", "32", "--no-install", "--cache", tmp_path, "--results", results,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert "not measured: vonage, basic, sequential: the environment of vonage is not there" in ended.stdout
    assert "vonage, basic, sequential" in json.loads(results.read_text())["skipped"]


def test_counts_that_do_not_add_up_end_the_run(tmp_path: Path) -> None:
    for name in ("send_throughput.py", "loopback_server.py"):
        (tmp_path / name).write_text((BENCHMARKS / name).read_text())
    rows = (BENCHMARKS / "send_rows.py").read_text()
    honest = '"sent": work.count + work.warm_up,'
    assert honest in rows
    (tmp_path / "send_rows.py").write_text(rows.replace(honest, '"sent": work.count + work.warm_up + 1,'))
    ended = run(
        tmp_path / "send_throughput.py", "--rows", "raw aiohttp @32", "--rounds", "1", "--count", "64",
        "--warm-up", "32", "--no-install", "--cache", tmp_path,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "sent 97 messages, but the server counted 96" in ended.stderr


def test_unknown_rows_end_with_a_sentence() -> None:
    ended = run("send_throughput.py", "--rows", "carrier pigeon")
    assert ended.returncode == 1
    assert "no row contains one of: carrier pigeon" in ended.stderr
