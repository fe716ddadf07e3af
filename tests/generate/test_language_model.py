"""The client of a language model: limits hold whatever the server does."""

import asyncio
import json
import sqlite3
import stat
import time
from pathlib import Path

import httpx
import pytest
from pydantic import BaseModel

from fake_language_model import URL, Endless, FakeServer, completion
from polyrec.config.language_model import LanguageModelConfig, read_language_model
from polyrec.errors import ConfigError, LanguageModelError
from polyrec.generate.language_model.client import open_language_model
from polyrec.generate.language_model.prompt import Personal, Prompt


class Order(BaseModel):
    order: list[int]


GOOD = '{"order": [2, 1]}'
TITLES = {"history": ["A"], "items": []}


def prompt(n: int = 0, *, personal: Personal = "no") -> Prompt:
    return Prompt("rerank.v1", {**TITLES, "n": n}, personal)


def complete(model, *prompts: Prompt, **options: float) -> list[Order]:
    async def run() -> list[Order]:
        return await asyncio.gather(*(model.complete(p, Order, **options) for p in prompts))

    return asyncio.run(run())


def fails(model, status: str, p: Prompt | None = None, **options: float) -> LanguageModelError:
    with pytest.raises(LanguageModelError) as caught:
        complete(model, p or prompt(), **options)
    assert caught.value.status == status
    assert caught.value.remedy
    return caught.value


def test_equal_prompts_are_sent_once_also_together_and_by_another_process(tmp_path: Path) -> None:
    server = FakeServer(lambda _: GOOD)
    model = server.model(tmp_path)
    assert complete(model, prompt(), prompt(), prompt(1)) == [Order(order=[2, 1])] * 3
    assert len(server.requests) == 2
    assert complete(server.model(tmp_path), prompt()) == [Order(order=[2, 1])]
    assert len(server.requests) == 2
    assert model.usage()[:3] == (2, 200, 40)
    assert stat.S_IMODE((tmp_path / "words.sqlite").stat().st_mode) == 0o600


def test_a_request_has_the_schema_and_the_key_and_refuses_compression(tmp_path: Path) -> None:
    server = FakeServer(lambda _: GOOD)
    complete(server.model(tmp_path, key="s3cret"), prompt())
    (request,) = server.requests
    assert str(request.url) == f"{URL}/chat/completions"
    assert request.headers["authorization"] == "Bearer s3cret"
    assert request.headers["accept-encoding"] == "identity"
    body = json.loads(request.content)
    assert body["response_format"]["json_schema"]["schema"]["required"] == ["order"]
    assert body["max_tokens"] == 300
    assert "s3cret" not in (tmp_path / "words.sqlite").read_bytes().decode("latin-1")


@pytest.mark.parametrize("text", ["", "sure, here it is", "[1]", '{"order": ["a"]}', "{" * 2000,
                                  '{"order": 1}', '{"order": [1.5]}'])  # fmt: skip
def test_an_answer_that_is_not_the_json_is_an_error_and_is_not_requested_again(
    tmp_path: Path, text: str
) -> None:
    server = FakeServer(lambda _: text)
    model = server.model(tmp_path)
    fails(model, "invalid")
    fails(model, "invalid")
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"", b"null", b"<html>", b'{"choices": []}', b"[" * 5000,
                                  b'{"choices": [{"message": {"content": 5}}]}'])  # fmt: skip
def test_a_body_that_is_not_a_completion_is_an_error(tmp_path: Path, body: bytes) -> None:
    server = FakeServer(lambda _: httpx.Response(200, content=body))
    fails(server.model(tmp_path), "invalid")


def test_an_endless_body_is_cut(tmp_path: Path) -> None:
    stream = Endless()
    server = FakeServer(lambda _: httpx.Response(200, stream=stream))
    fails(server.model(tmp_path, max_answer_kb=64), "endless")
    assert stream.sent <= 66 * 1024
    server = FakeServer(lambda _: completion(GOOD, finish_reason="length"))
    fails(server.model(tmp_path), "endless")


def test_429_and_5xx_are_retried_after_the_time_they_name(tmp_path: Path) -> None:
    answers = [httpx.Response(429, headers={"Retry-After": "0"}),
               httpx.Response(503, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
               completion(GOOD)]  # fmt: skip
    server = FakeServer(lambda _: answers.pop(0))
    assert complete(server.model(tmp_path), prompt()) == [Order(order=[2, 1])]
    assert len(server.requests) == 3


def test_a_retry_that_would_come_too_late_is_not_waited_for(tmp_path: Path) -> None:
    server = FakeServer(lambda _: httpx.Response(429, headers={"Retry-After": "3600"}))
    began = time.monotonic()
    model = server.model(tmp_path)
    fails(model, "rate limited")
    assert time.monotonic() - began < 2
    assert len(server.requests) == 1
    assert model.usage()[1:] == (0, 0, 0.0)  # nothing was generated


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (httpx.Response(401), "refused"),
        (httpx.Response(403), "refused"),
        (httpx.Response(400, text='{"error": {"code": "context_length_exceeded"}}'), "too long"),
        (httpx.Response(404), "unavailable"),
        (httpx.Response(302, headers={"Location": "http://elsewhere/"}), "unavailable"),
    ],
)
def test_a_refusal_is_not_retried(tmp_path: Path, response: httpx.Response, status: str) -> None:
    server = FakeServer(lambda _: response)
    fails(server.model(tmp_path, key="s3cret"), status)
    assert len(server.requests) == 1


def test_a_model_that_is_down_is_left_alone(tmp_path: Path) -> None:
    def down(data: dict) -> str:
        raise httpx.ConnectError("refused")

    server = FakeServer(down)
    model = server.model(tmp_path, retries=0)
    for n in range(3):
        fails(model, "unavailable", prompt(n))
    assert "left alone" in str(fails(model, "unavailable", prompt(9)))
    assert len(server.requests) == 3


def test_a_slow_model_is_cut_at_the_deadline(tmp_path: Path) -> None:
    class Slow(FakeServer):
        async def __call__(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(30)
            raise AssertionError

    model = Slow(lambda _: GOOD).model(tmp_path)
    began = time.monotonic()
    fails(model, "timed out", deadline_s=0.1)
    assert time.monotonic() - began < 2
    assert model.usage().output_tokens == 300  # the server may have generated all of them


def test_budgets_of_tokens_and_cost_hold_for_requests_sent_together(tmp_path: Path) -> None:
    server = FakeServer(lambda _: GOOD)
    model = server.model(tmp_path, tokens_per_day=3_000)
    fails(server.model(tmp_path, tokens_per_day=10), "over budget")
    fails(server.model(tmp_path, cost_per_day=0.001, output_price=10), "over budget")
    assert server.requests == []

    async def run() -> list[object]:
        calls = (model.complete(prompt(n), Order) for n in range(20))
        return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(run())
    assert {type(result) for result in results} == {Order, LanguageModelError}
    assert sum(model.usage()[1:3]) <= 3_000


def test_an_answer_that_is_late_is_there_the_next_time(tmp_path: Path) -> None:
    class Slow(FakeServer):
        async def __call__(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(0.3)
            return await super().__call__(request)

    server = Slow(lambda _: GOOD)
    model = server.model(tmp_path)

    async def run() -> None:
        calls = (model.complete(prompt(), Order, deadline_s=0.05) for _ in range(50))
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert {getattr(result, "status", "") for result in results} == {"timed out"}
        await asyncio.sleep(0.6)
        assert await model.complete(prompt(), Order, deadline_s=0.05) == Order(order=[2, 1])
        with pytest.raises(LanguageModelError):
            await model.complete(prompt(1, personal="titles"), Order, deadline_s=0.05)

    asyncio.run(run())
    assert len(server.requests) == 1
    asyncio.run(model.close())


def test_answers_about_a_person_are_neither_stored_nor_quoted(tmp_path: Path) -> None:
    server = FakeServer(lambda _: '"Ann Smith likes Sea"')
    model = server.model(tmp_path)
    about = Prompt("rerank.v1", {"history": ["Sea of Ann Smith"]}, personal="titles")
    for _ in range(2):
        assert "Ann" not in str(fails(model, "invalid", about))
    assert len(server.requests) == 2
    asyncio.run(model.close())
    assert not any(b"Ann" in file.read_bytes() for file in tmp_path.iterdir())


def test_a_locked_cache_does_not_hold_up_the_event_loop(tmp_path: Path) -> None:
    model = FakeServer(lambda _: GOOD).model(tmp_path)
    other = sqlite3.connect(tmp_path / "words.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    async def run() -> float:
        longest, call = 0.0, asyncio.create_task(model.complete(prompt(), Order, deadline_s=0.3))
        while not call.done():
            began = time.monotonic()
            await asyncio.sleep(0)
            longest = max(longest, time.monotonic() - began)
        assert isinstance(call.exception(), LanguageModelError)
        other.close()
        return longest

    assert asyncio.run(run()) < 0.2


def test_a_prompt_that_is_too_long_is_not_sent(tmp_path: Path) -> None:
    server = FakeServer(lambda _: GOOD)
    long = Prompt("rerank.v1", {"items": ["x" * 20_000]}, personal="no")
    fails(server.model(tmp_path), "too long", long)
    assert server.requests == []


def test_what_is_about_a_person_stays_unless_privacy_allows_it(tmp_path: Path) -> None:
    server = FakeServer(lambda _: GOOD)
    fails(server.model(tmp_path, url="https://cloud.test/v1"), "private", prompt(personal="titles"))
    assert server.requests == []
    for n, settings in enumerate(({"url": "https://cloud.test/v1", "privacy": "titles"}, {})):
        complete(server.model(tmp_path, **settings), prompt(n, personal="titles"))
    complete(server.model(tmp_path, url="https://cloud.test/v1"), prompt(5))
    assert len(server.requests) == 3


@pytest.mark.parametrize("url", ["", "ftp://x/v1", "http://", "http://u:secret@x/v1",
                                 "http://x/v1?key=secret", "http://[/v1"])  # fmt: skip
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        LanguageModelConfig(use="address", url=url, model="m")
    assert "secret" not in str(caught.value)


def test_settings_come_from_a_file_and_the_key_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.yaml"
    with pytest.raises(ConfigError, match="can't be read"):
        read_language_model(path)
    path.write_text("use: address\nurl: http://localhost:1/v1\nmodle: m\n")
    with pytest.raises(ConfigError, match="did you mean 'model'"):
        read_language_model(path)
    path.write_text("use: address\nurl: http://localhost:1/v1\nmodel: m\nkey_variable: WORDS\n"
                    "cache: words.sqlite\n")  # fmt: skip
    config = read_language_model(path)
    assert config.cache == tmp_path.resolve() / "words.sqlite"
    monkeypatch.delenv("WORDS", raising=False)
    with pytest.raises(ConfigError, match="WORDS"):
        open_language_model(config)
    monkeypatch.setenv("WORDS", "k\n")
    with pytest.raises(ConfigError, match="characters"):
        open_language_model(config)
    monkeypatch.setenv("WORDS", "k")
    model = open_language_model(config)
    assert model is not None
    asyncio.run(model.close())
    assert open_language_model(LanguageModelConfig()) is None


def test_a_cache_that_is_damaged_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "words.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(LanguageModelError, match="delete it"):
        FakeServer(lambda _: GOOD).model(tmp_path)
