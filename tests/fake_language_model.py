"""Fake OpenAI-compatible servers, in process and on loopback: a function answers each prompt."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

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


class FakeAddress:
    """An OpenAI-compatible server on loopback; `answer` gets the data of a prompt.

    It returns the text of the answer, a number as a status, seconds to wait, or `Endless`.
    """

    def __init__(self, answer: Callable[[dict], "str | int | float | type[Endless]"]) -> None:
        self.answer = answer
        self.prompts: list[dict] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                data = json.loads(json.loads(body)["messages"][1]["content"])
                outer.prompts.append(data)
                with suppress(OSError):  # the client has gone
                    outer.reply(self, outer.answer(data))

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._closed = Event()

    def __enter__(self) -> "FakeAddress":
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def reply(self, request: BaseHTTPRequestHandler, answer: object) -> None:
        if isinstance(answer, float):
            self._closed.wait(answer)
            answer = "late"
        request.send_response(answer if isinstance(answer, int) else 200)
        request.end_headers()
        while answer is Endless and not self._closed.is_set():
            request.wfile.write(b" " * 4096)
        if isinstance(answer, str):
            request.wfile.write(completion(answer).content)

    def settings(self, folder: Path, **settings: object) -> Path:
        """Write the settings of a language model at this address, and return their path."""
        tree = {"use": "address", "url": self.url, "model": "fake", "cache": "cache/words.sqlite"}
        path = folder / "language_model.yaml"
        path.write_text(json.dumps({**tree, **settings}))
        return path
