"""Content by URL: only from hosts that are allowed, never from a private network."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("aiohttp", reason="extra remote is not installed")
from polyrec.config import Limits
from polyrec.errors import MediaError
from polyrec.media import image, remote
from polyrec.types import Link


class Answers(BaseHTTPRequestHandler):
    content = b""

    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "/picture")
            self.end_headers()
            return
        if self.path == "/slow":
            threading.Event().wait(5)
        exists = self.path == "/picture"
        self.send_response(200 if exists else 404)
        self.end_headers()
        if exists:
            self.wfile.write(self.content)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def host(jpeg: bytes) -> Iterator[str]:
    """Serve a picture on loopback."""
    Answers.content = jpeg
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


ALLOWED = Limits(hosts=("localhost", "127.0.0.1"), timeout_s=1)


def status(url: str, limits: Limits = ALLOWED) -> str:
    with pytest.raises(MediaError) as caught:
        remote.fetch(url, limits)
    return caught.value.status


def test_a_picture_is_read_from_an_allowed_host(
    host: str, jpeg: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "is_public", lambda _: True)
    pixels = image.load_image(Link(f"{host}/picture"), size=8, limits=ALLOWED)
    assert (pixels == image.load_image(jpeg, size=8)).all()
    assert status(f"{host}/nothing") == "missing"
    assert status(f"{host}/away") == "missing"  # redirects are not followed
    assert status(f"{host}/slow") == "timed out"
    small = Limits(hosts=("localhost",), max_mb=1e-4)
    with pytest.raises(MediaError) as caught:
        image.load_image(Link(f"{host}/picture"), size=8, limits=small)
    assert caught.value.status == "too large"


def test_private_addresses_are_refused_even_if_allowed(host: str) -> None:
    assert status(f"{host}/picture") == "refused"
    assert status(host.replace("localhost", "127.0.0.1")) == "refused"


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://localhost/x", "gopher://x", "http:///x", "local://x"]
)
def test_other_addresses_are_refused(url: str) -> None:
    assert status(url) == "refused"


def test_hosts_are_closed_until_named() -> None:
    assert status("https://example.org/a.png", Limits()) == "refused"
    assert status("https://user@example.org/a.png", Limits(hosts=("user",))) == "refused"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("10.1.2.3", False), ("127.0.0.1", False),
        ("169.254.169.254", False), ("192.168.0.1", False), ("::1", False), ("fe80::1%eth0", False),
        ("::ffff:10.0.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False), ("100.64.0.1", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert remote.is_public(address) == public


def test_buckets_are_read_through_fsspec(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    with fsspec.open("memory://bucket/a", "wb") as file:
        file.write(b"content")
    monkeypatch.setattr(remote, "_STORES", ("memory",))
    assert remote.fetch("memory://bucket/a", Limits(hosts=("bucket",))) == b"content"
    assert status("memory://bucket/none", Limits(hosts=("bucket",))) == "missing"
    assert status("memory://other/a", Limits(hosts=("bucket",))) == "refused"
