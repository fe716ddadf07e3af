"""The service behind the proxy of deploy/: addresses, sizes, slow clients."""

import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.library.server_process import free_port
from running import Running

CADDYFILE = Path(__file__).parents[2] / "deploy/Caddyfile"
pytestmark = pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed")


@pytest.fixture(scope="module")
def ports(
    bundle_folder: Path, imported: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, int]]:
    """Return the ports of a service and of its proxy."""
    folder = tmp_path_factory.mktemp("proxy")
    database = f"sqlite:///{shutil.copy(imported, folder / 'service.sqlite')}"
    service = Running(bundle_folder, database, "--proxy", "127.0.0.1", "--keys")
    port = free_port()
    environment = {
        **os.environ, "SITE": f"http://localhost:{port}", "UPSTREAM": f"127.0.0.1:{service.port}",
        "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder),
    }  # fmt: skip
    text = CADDYFILE.read_text(encoding="utf-8").replace("read_header 10s", "read_header 1s")
    (folder / "Caddyfile").write_text(text, encoding="utf-8")
    command = ["caddy", "run", "--config", str(folder / "Caddyfile")]
    with (folder / "log").open("wb") as log:
        proxy = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        while status(port, "/api/health/ready") != 200:
            assert proxy.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        yield service.port, port
    finally:
        proxy.terminate()
        proxy.wait()
        service.stop()


def status(port: int, path: str, *, source: str = "127.0.0.1", **headers: str) -> int:
    connection = http.client.HTTPConnection(
        "localhost", port, source_address=(source, 0), timeout=20
    )
    try:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET", path, headers=names)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def guesses(port: int, source: str, count: int = 12) -> list[int]:
    """Guess keys from one address that claims to be many."""
    return [
        status(
            port, "/api/users", source=source, X_API_Key=f"pr_a_{i}", X_Forwarded_For=f"10.1.1.{i}"
        )
        for i in range(count)
    ]


def test_nobody_passes_for_another_address(ports: tuple[int, int]) -> None:
    service, proxy = ports
    assert 429 in guesses(proxy, "127.0.0.3")  # by the proxy, which names the true address
    assert status(proxy, "/api/users", source="127.0.0.4", X_API_Key="pr_a_x") == 401
    assert 429 in guesses(service, "127.0.0.5")  # past the proxy
    assert 429 not in guesses(service, "127.0.0.1")  # what the named proxy says is believed


def send_body(port: int, path: str, megabytes: int) -> int:
    connection = http.client.HTTPConnection("localhost", port, timeout=20)
    connection.putrequest("PUT", path)
    connection.putheader("Content-Length", str(megabytes * 2**20))
    connection.putheader("Content-Type", "application/json")
    connection.endheaders()
    with suppress(OSError):  # it may be refused before it is complete
        for _ in range(megabytes):
            connection.send(b" " * 2**20)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def test_bodies_pass_as_the_service_allows_them(ports: tuple[int, int]) -> None:
    proxy = ports[1]
    # 401: its key is missing; 502: the service closed before the proxy had sent all
    assert send_body(proxy, "/api/item/i0001/media/image", 40) in (401, 502)
    assert send_body(proxy, "/api/item/i0001/media/image", 70) in (413, 502)
    assert send_body(proxy, "/api/feedback", 20) in (413, 502)
    assert status(proxy, "/api/health/ready") == 200


def test_a_head_without_an_end_is_cut(ports: tuple[int, int]) -> None:
    with socket.create_connection(("localhost", ports[1])) as slow:
        slow.sendall(b"GET /api/latest HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        slow.settimeout(10)
        assert b"200" not in slow.recv(1000)


def test_compressed_lists_and_health(ports: tuple[int, int]) -> None:
    assert status(ports[1], "/api/health/live", Accept_Encoding="gzip") == 200
    assert status(ports[1], "/docs", Accept_Encoding="gzip") == 200
