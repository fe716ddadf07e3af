"""Fetch content from hosts that the config allows, and never from a private network."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

from polyrec.config import Limits
from polyrec.errors import ExtraError, MediaError

_WEB = ("http", "https")
_STORES = ("s3", "gs", "gcs", "az", "abfs", "abfss")  # here the "host" is the bucket
_PIECE = 1 << 16


def fetch(url: str, limits: Limits) -> bytes:
    """Return the bytes behind a URL whose host (or bucket) is in `limits.hosts`.

    Web addresses are resolved once, refused if any address is not public, and connected to by that
    very answer; redirects are not followed. Buckets are read through fsspec's own packages.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if parts.scheme not in (*_WEB, *_STORES):
        known = ", ".join((*_WEB, *_STORES))
        raise _refused("an address of this kind is not fetched", parts.scheme, known)
    if host not in {name.lower() for name in limits.hosts}:
        raise _refused("this host is not allowed", host, "add it to media.hosts")
    try:
        if parts.scheme in _WEB:
            return asyncio.run(_download(url, limits))
        return _from_store(url, limits)
    except ImportError as error:
        remedy = "pip install 'polyrec[remote]'"
        raise ExtraError("fetching needs a package", received=error.name, remedy=remedy) from error
    except TimeoutError as error:
        raise MediaError("the host does not answer", received=host, status="timed out") from error
    except OSError as error:  # aiohttp's errors of connection are OSErrors, too
        raise MediaError("can't be fetched", received=str(error)[:120], status="missing") from error


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
        session.get(url, allow_redirects=False) as answer,
    ):
        if answer.status != 200:
            told = f"{answer.status} {answer.reason}"
            raise MediaError("the host gives no file", received=told, status="missing")
        content = bytearray()
        async for piece in answer.content.iter_chunked(_PIECE):
            content += piece
            if len(content) > most:
                break  # one byte too many is enough to be refused for its size
        return bytes(content)


async def _public_address(parts: Any) -> str:
    """Return an address of the host; a private, local or reserved one is refused."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    hidden = [address for address in addresses if not is_public(address)]
    if hidden or not addresses:
        raise _refused("a private address", parts.hostname, "only public hosts are read")
    return addresses[0]


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the open internet."""
    known = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(known, "ipv4_mapped", None)
    return (mapped or known).is_global and not known.is_multicast


def _pinned(address: str) -> Any:
    """Return a resolver with one answer, so that a second look-up can't lead elsewhere."""
    from aiohttp.abc import AbstractResolver, ResolveResult

    kind = socket.AF_INET6 if ":" in address else socket.AF_INET

    class Pinned(AbstractResolver):
        async def resolve(
            self,
            host: str,
            port: int = 0,
            family: int = socket.AF_INET,  # noqa: ARG002 - the resolver's form
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


def _refused(what: str, received: object, remedy: str) -> MediaError:
    return MediaError(what, received=received, remedy=remedy, status="refused")
