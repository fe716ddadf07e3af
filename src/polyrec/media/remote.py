"""Download content from hosts that the config allows, never from a private network."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

from polyrec.config import Limits
from polyrec.errors import ExtraError, MediaError

_WEB = ("http", "https")
_STORES = ("s3", "gs", "gcs", "az", "abfs", "abfss")  # their "host" is the bucket
_CHUNK = 1 << 16  # bytes


def fetch(url: str, limits: Limits) -> bytes:
    """Return the bytes behind a URL whose host (or bucket) is in `limits.hosts`.

    Web hosts are resolved once, refused if any address is not public, and connected to at the
    resolved address; redirects are not followed. Buckets are read through fsspec's own packages.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if parts.scheme not in (*_WEB, *_STORES):
        raise _refused("unsupported URL scheme", parts.scheme, ", ".join((*_WEB, *_STORES)))
    if host not in {name.lower() for name in limits.hosts}:
        raise _refused("the host is not allowed", host, "add it to media.hosts")
    try:
        if parts.scheme in _WEB:
            return asyncio.run(_download(url, limits))
        return _from_store(url, limits)
    except ImportError as error:
        remedy = "pip install 'polyrec[remote]'"
        raise ExtraError("downloads need a package", received=error.name, remedy=remedy) from error
    except TimeoutError as error:
        raise MediaError("the download timed out", received=host, status="timed out") from error
    except OSError as error:  # aiohttp's connection errors, too
        raise MediaError(
            "the download failed", received=str(error)[:120], status="missing"
        ) from error


def _from_store(url: str, limits: Limits) -> bytes:
    import fsspec

    with fsspec.open(url, "rb") as file:
        return bytes(file.read(int(limits.max_mb * 1e6) + 1))


async def _download(url: str, limits: Limits) -> bytes:
    import aiohttp

    address = await _public_address(urlsplit(url))
    most = int(limits.max_mb * 1e6)
    connector = aiohttp.TCPConnector(resolver=_pinned(address))
    timeout = aiohttp.ClientTimeout(total=limits.timeout_s)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session,
        session.get(url, allow_redirects=False) as response,
    ):
        if response.status != 200:
            received = f"{response.status} {response.reason}"
            raise MediaError("the host returned no file", received=received, status="missing")
        content = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            content += chunk
            if len(content) > most:
                break  # one byte too many: it is refused for its size
        return bytes(content)


async def _public_address(parts: Any) -> str:
    """Return an address of the host; a private, local or reserved one is refused."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    results = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in results]
    private = [address for address in addresses if not is_public(address)]
    if private or not addresses:
        raise _refused("the host has a private address", parts.hostname, "use a public host")
    return addresses[0]


def is_public(address: str) -> bool:
    """Return whether an IP address belongs to the public internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_global and not ip.is_multicast


def _pinned(address: str) -> Any:
    """Return a resolver with a fixed address: a second look-up could give a private one."""
    from aiohttp.abc import AbstractResolver, ResolveResult

    kind = socket.AF_INET6 if ":" in address else socket.AF_INET

    class Pinned(AbstractResolver):
        async def resolve(
            self,
            host: str,
            port: int = 0,
            family: int = socket.AF_INET,  # noqa: ARG002 - the base class's signature
        ) -> list[ResolveResult]:
            numeric = socket.AI_NUMERICHOST
            return [
                ResolveResult(
                    hostname=host, host=address, port=port, family=kind, proto=0, flags=numeric
                )
            ]

        async def close(self) -> None:
            pass

    return Pinned()


def _refused(message: str, received: object, remedy: str) -> MediaError:
    return MediaError(message, received=received, remedy=remedy, status="refused")
