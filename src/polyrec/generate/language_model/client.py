"""The client of a language model: privacy, limits, budget, cache, validated answers."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sqlite3
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import pydantic
from pydantic import BaseModel

from polyrec.config.language_model import LanguageModelConfig
from polyrec.errors import ConfigError, ExtraError, LanguageModelError
from polyrec.generate.language_model.answer_store import AnswerStore, Usage
from polyrec.generate.language_model.backend import Completion, LanguageModelBackend
from polyrec.generate.language_model.prompt import Prompt

A = TypeVar("A", bound=BaseModel)
T = TypeVar("T")
Schema = Mapping[str, Any]

_log = logging.getLogger(__name__)
_FENCE = re.compile(r"\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)
_MAX_FAILURES = 3  # in a row; then requests pause
_PAUSE_S = 30.0
_SENT = {"local": ("no",), "titles": ("no", "titles"), "messages": ("no", "titles", "messages")}
_NOT_COUNTED = ("rate limited", "refused", "too long")  # the model did no work


class LanguageModel:
    """A language model that is sent a prompt once, and whose answers have a schema.

    Anything but a valid answer is a `LanguageModelError`: the caller has a result without the
    model. After three failures in a row the model is left alone for 30 s.
    """

    def __init__(
        self, config: LanguageModelConfig, backend: LanguageModelBackend, store: AnswerStore
    ) -> None:
        self._config = config
        self._backend = backend
        self._store = store
        self._store_thread = ThreadPoolExecutor(1, "language model")  # SQLite waits for locks
        self._concurrent = asyncio.Semaphore(config.max_concurrent)
        self._running: dict[bytes, asyncio.Task[str]] = {}
        self._failures = 0
        self._paused_until = 0.0

    async def complete(
        self, prompt: Prompt, answer: type[A], *, deadline_s: float | None = None
    ) -> A:
        """Return the answer to a prompt, from the cache if it was sent before.

        After the deadline a prompt that is about nobody goes on until `timeout_s`, so that its
        answer is there the next time. Answers about a person are neither stored nor quoted.
        """
        timeout_s = min(self._config.timeout_s, deadline_s or self._config.timeout_s)
        self._check_private(prompt)
        schema = answer.model_json_schema()
        if prompt.personal == "no":
            return parse_answer(await self._shared(prompt, schema, timeout_s), answer)
        try:
            return parse_answer(await self._send(prompt, schema, timeout_s), answer)
        except LanguageModelError as error:  # what was received may be about the person
            raise LanguageModelError(error.what, remedy=error.remedy, status=error.status) from None

    def usage(self) -> Usage:
        """Return the requests, tokens and cost of the last 24 hours."""
        return self._store_thread.submit(self._store.usage).result()

    async def close(self) -> None:
        """Cancel what is under way, and close connections and the cache."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        await self._backend.close()
        await asyncio.to_thread(self._store_thread.shutdown)
        self._store.close()

    async def _shared(self, prompt: Prompt, schema: Schema, timeout_s: float) -> str:
        """Return the cached answer, or that of the request that equal prompts share."""
        key = prompt.key(self._backend.name, schema)
        task = self._running.get(key)
        if task is None or task.done():
            task = self._running[key] = asyncio.create_task(self._cached(key, prompt, schema))
            task.add_done_callback(partial(self._forget, key))
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(task)
        except TimeoutError:
            raise _timed_out(timeout_s) from None

    def _forget(self, key: bytes, task: asyncio.Task[str]) -> None:
        if self._running.get(key) is task:
            del self._running[key]
        if not task.cancelled():
            task.exception()  # it may have no caller any more

    async def _cached(self, key: bytes, prompt: Prompt, schema: Schema) -> str:
        text = await self._stored(self._store.get, key)
        if text is None:
            text = await self._send(prompt, schema, self._config.timeout_s)
            await self._stored(self._store.put, key, text)
        return text

    async def _send(self, prompt: Prompt, schema: Schema, timeout_s: float) -> str:
        """Return the text of the model's answer, requested now."""
        self._check_usable(prompt)
        try:
            async with asyncio.timeout(timeout_s), self._concurrent:
                return (await self._generate(prompt, schema, timeout_s)).text
        except TimeoutError:
            self._count_failure()
            raise _timed_out(timeout_s) from None

    async def _generate(self, prompt: Prompt, schema: Schema, timeout_s: float) -> Completion:
        """Return the model's answer, with its tokens and cost recorded."""
        # bytes are at least the tokens of every byte-level tokenizer
        estimate = sum(len(m["content"].encode()) for m in prompt.messages) + 64
        most = self._config.max_answer_tokens
        use = await self._stored(
            self._store.reserve, prompt.name, self._backend.name, estimate, most
        )
        started = time.monotonic()
        tokens, outcome = (estimate, most), "cancelled"
        try:
            completion = await self._backend.generate(prompt.messages, schema, timeout_s=timeout_s)
            reported = completion.input_tokens, completion.output_tokens
            tokens = (reported[0] or estimate, most if reported[1] is None else reported[1])
            outcome, self._failures = "answered", 0
        except LanguageModelError as error:
            outcome = error.status
            if outcome in _NOT_COUNTED:
                tokens = (0, 0)
            self._count_failure()
            raise
        finally:  # also when cancelled: no await, the budget must hold
            seconds = time.monotonic() - started
            self._store_thread.submit(self._record, use, prompt.name, tokens, outcome, seconds)
        return completion

    def _record(
        self, use: int, prompt: str, tokens: tuple[int, int], outcome: str, seconds: float
    ) -> None:
        try:
            cost = self._store.record(use, *tokens, outcome)
        except sqlite3.Error as error:
            _log.warning("use of the language model not recorded, its reservation stays: %s", error)
            return
        _log.info(
            "language model: prompt %s, model %s, %s, %d + %d tokens, cost %.6f, %.2f s",
            prompt, self._backend.name, outcome, *tokens, cost, seconds,
        )  # fmt: skip

    async def _stored(self, function: Callable[..., T], *arguments: object) -> T:
        """Return what a function of the store returns, called in the thread of the store."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._store_thread, partial(function, *arguments))
        except sqlite3.Error as error:
            raise LanguageModelError(
                "the cache of the language model can't be used",
                received=str(error),
                remedy="check the disk, or set another cache",
            ) from error

    def _check_private(self, prompt: Prompt) -> None:
        if not self._backend.local and prompt.personal not in _SENT[self._config.privacy]:
            raise LanguageModelError(
                "texts about a person stay on this machine",
                received=prompt.name,
                remedy=f"set privacy: {prompt.personal} to send them to the address",
                status="private",
            )

    def _check_usable(self, prompt: Prompt) -> None:
        if time.monotonic() < self._paused_until:
            raise LanguageModelError(
                "the language model failed repeatedly and is left alone for 30 s",
                remedy="check that it runs",
            )
        length = sum(len(message["content"]) for message in prompt.messages)
        if length > self._config.max_prompt_characters:
            raise LanguageModelError(
                "the prompt is too long for the language model",
                received=f"{length:,} characters",
                remedy="send fewer or shorter texts, or raise max_prompt_characters",
                status="too long",
            )

    def _count_failure(self) -> None:
        self._failures += 1
        if self._failures >= _MAX_FAILURES:
            self._paused_until = time.monotonic() + _PAUSE_S
            self._failures = 0
            _log.warning("language model failed %d times, pausing for 30 s", _MAX_FAILURES)


def _timed_out(timeout_s: float) -> LanguageModelError:
    return LanguageModelError(
        "the language model did not answer in time",
        received=f"{timeout_s:g} s",
        remedy="raise timeout_s, or use a faster model",
        status="timed out",
    )


def parse_answer(text: str, answer: type[A]) -> A:
    """Return a text of JSON, fenced or not, as an `answer`.

    >>> class Count(BaseModel):
    ...     count: int
    >>> parse_answer('{"count": 3}', Count).count
    3
    """
    fenced = _FENCE.fullmatch(text)
    try:
        return answer.model_validate_json(fenced[1] if fenced else text, strict=True)
    except pydantic.ValidationError:
        raise LanguageModelError(
            "the language model's answer is not the JSON that was requested",
            received=text[:80],
            remedy="use a model that follows a JSON schema",
            status="invalid",
        ) from None


def open_language_model(config: LanguageModelConfig) -> LanguageModel | None:
    """Return the language model of the settings; None if they have none."""
    if config.use == "none":
        return None
    return LanguageModel(config, _backend(config), AnswerStore(config))


def _backend(config: LanguageModelConfig) -> LanguageModelBackend:
    extra = "words" if config.use == "address" else "models"
    try:
        if config.use == "folder":
            from polyrec.generate.language_model.folder_backend import FolderBackend

            return FolderBackend(config)
        from polyrec.generate.language_model.http_backend import HttpBackend
    except ModuleNotFoundError as error:
        raise ExtraError(
            "a language model needs a package that is not installed",
            received=error.name,
            remedy=f"pip install 'polyrec[{extra}]'",
        ) from error
    key = os.environ.get(config.key_variable, "") if config.key_variable else ""
    if config.key_variable and not key:
        remedy = "set it, or leave key_variable out"
        raise ConfigError(
            "no key in the environment variable", received=config.key_variable, remedy=remedy
        )
    if not key.isascii() or not key.isprintable():
        raise ConfigError(
            "the key has characters that a header can't have",
            remedy=f"check the environment variable {config.key_variable}",
        )
    return HttpBackend(config, key=key)
