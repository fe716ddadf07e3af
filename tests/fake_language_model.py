"""A fake OpenAI-compatible server, in process: a function answers each prompt."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx

from polyrec.config.language_model import LanguageModelConfig
from polyrec.generate.language_model.answer_store import AnswerStore
from polyrec.generate.language_model.client import LanguageModel
from polyrec.generate.language_model.http_backend import HttpBackend

URL = "http://127.0.0.1:1/v1"
Answer = Callable[[dict], "str | httpx.Response"]


class FakeServer:
    """Counts requests; `answer` gets the data of a prompt and returns text or a response."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        data = json.loads(json.loads(request.content)["messages"][1]["content"])
        answer = self.answer(data)
        response = completion(answer) if isinstance(answer, str) else answer
        if isinstance(response.stream, Endless):
            return response
        body = httpx.ByteStream(response.content)  # a body that is read from the network
        return httpx.Response(response.status_code, headers=response.headers, stream=body)

    def model(self, folder: Path, *, key: str = "", **settings: object) -> LanguageModel:
        settings = {"use": "address", "url": URL, "model": "fake", **settings}
        config = LanguageModelConfig(cache=folder / "words.sqlite", **settings)
        backend = HttpBackend(config, key=key, transport=httpx.MockTransport(self))
        return LanguageModel(config, backend, AnswerStore(config))


def completion(text: str, **more: object) -> httpx.Response:
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop", **more}
    usage = {"prompt_tokens": 100, "completion_tokens": 20}
    return httpx.Response(200, json={"choices": [choice], "usage": usage})


class Endless(httpx.AsyncByteStream):
    """A body without end."""

    def __init__(self) -> None:
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.sent += 1024
            yield b" " * 1024
