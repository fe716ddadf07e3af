"""A language model at an OpenAI-compatible address: vLLM, llama.cpp, Ollama, a cloud."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

from polyrec.config.language_model import LanguageModelConfig
from polyrec.errors import LanguageModelError
from polyrec.generate.language_model.backend import Completion
from polyrec.generate.language_model.prompt import Message

_FIRST_PAUSE_S = 0.5  # before the first retry; doubled for each further one
_RETRIED = (408, 429, 500, 502, 503, 504)
_TOO_LONG = ("context_length", "context length", "maximum context", "too long", "exceed_context")


class HttpBackend:
    """POST /chat/completions, with retries, a limit on the size of the answer, and no redirects."""

    def __init__(
        self,
        config: LanguageModelConfig,
        *,
        key: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._config = config
        self.name = config.model
        self.local = _is_this_machine(config.url)
        # raw bytes are counted, so that a compressed answer can't grow after the limit
        headers = {"Accept-Encoding": "identity"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=config.timeout_s,
            follow_redirects=False,
            trust_env=not self.local,  # a proxy would take local texts elsewhere
            transport=transport,
        )

    async def generate(
        self, messages: Sequence[Message], schema: Mapping[str, Any], *, timeout_s: float
    ) -> Completion:
        """Return the answer to the messages; 429 and 5xx are retried while there is time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        payload = self._payload(messages, schema)
        for attempt in range(self._config.retries + 1):
            try:
                status, retry_after, body = await self._post(payload)
            except httpx.HTTPError as error:
                status, retry_after, body = 0, None, type(error).__name__.encode()
            if status == httpx.codes.OK:
                return parse_completion(body)
            if status and status not in _RETRIED:
                raise _refusal(status, body)
            pause = _FIRST_PAUSE_S * 2**attempt if retry_after is None else retry_after
            if attempt == self._config.retries or loop.time() + pause >= deadline:
                break
            await asyncio.sleep(pause)
        raise _unavailable(status, body)

    async def close(self) -> None:
        """Close connections."""
        await self._client.aclose()

    def _payload(self, messages: Sequence[Message], schema: Mapping[str, Any]) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "model": self._config.model,
            "messages": list(messages),
            "max_tokens": self._config.max_answer_tokens,
            "temperature": 0,
        }
        if self._config.response_format == "json_object":
            payload["response_format"] = {"type": "json_object"}
        elif self._config.response_format == "json_schema":
            named = {"name": "answer", "schema": schema, "strict": True}
            payload["response_format"] = {"type": "json_schema", "json_schema": named}
        return payload

    async def _post(self, payload: Mapping[str, Any]) -> tuple[int, float | None, bytes]:
        """Return status, seconds of Retry-After, and body."""
        url = f"{self._config.url.rstrip('/')}/chat/completions"
        limit = self._config.max_answer_kb * 1024
        async with self._client.stream("POST", url, json=payload) as response:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > limit:
                    remedy = "raise max_answer_kb if such answers are wanted"
                    raise LanguageModelError(
                        "the language model's answer is too large",
                        received=f"over {self._config.max_answer_kb} KB",
                        remedy=remedy,
                        status="endless",
                    )
            return response.status_code, _retry_after(response.headers), bytes(body)


def parse_completion(body: bytes) -> Completion:
    """Return the text and the tokens of a response's body.

    >>> parse_completion(b'{"choices": [{"message": {"content": "yes"}}]}').text
    'yes'
    """
    try:
        tree = json.loads(body)
        choice = tree["choices"][0]
        text = choice["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        text = None
    if not isinstance(text, str):
        raise LanguageModelError(
            "the address does not answer like a language model",
            received=body[:80].decode("utf-8", "replace"),
            remedy="check url: it ends before /chat/completions",
            status="invalid",
        )
    if choice.get("finish_reason") == "length":
        remedy = "raise max_answer_tokens, or use another model"
        raise LanguageModelError(
            "the language model's answer did not end", remedy=remedy, status="endless"
        )
    usage = tree.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    return Completion(text, _count(counts, "prompt_tokens"), _count(counts, "completion_tokens"))


def _count(counts: Mapping[str, object], name: str) -> int | None:
    value = counts.get(name)
    return value if isinstance(value, int) and 0 <= value < 2**31 else None


def _retry_after(headers: httpx.Headers) -> float | None:
    """Return the seconds of a Retry-After header: a number or a date."""
    text = headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        seconds = (date - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _refusal(status: int, body: bytes) -> LanguageModelError:
    text = body[:2_000].decode("utf-8", "replace").lower()
    if status in (401, 403):
        return LanguageModelError(
            "the language model refused the key",
            received=status,
            remedy="set the environment variable that key_variable names",
            status="refused",
        )
    if status == 413 or (status == 400 and any(mark in text for mark in _TOO_LONG)):
        remedy = "send fewer or shorter texts, or use a model with a longer context"
        return LanguageModelError(
            "the prompt is too long for the language model", remedy=remedy, status="too long"
        )
    if 300 <= status < 400:
        remedy = "set url to the final address: redirects are not followed"
        return LanguageModelError(
            "the language model's address redirects", received=status, remedy=remedy
        )
    return LanguageModelError(
        "the language model refused the request", received=status, remedy="check url and model"
    )


def _unavailable(status: int, body: bytes) -> LanguageModelError:
    if status == httpx.codes.TOO_MANY_REQUESTS:
        remedy = "send fewer requests, or raise the limit at the provider"
        return LanguageModelError(
            "the language model limits requests", received=429, remedy=remedy, status="rate limited"
        )
    received = status or body.decode()
    return LanguageModelError(
        "the language model is not available", received=received, remedy="check that it runs"
    )


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
