"""Gorse's own clients, every method of theirs, against the service over HTTP.

docs/gorse.md has tables of what they sent and what they got, made by these tests: with
POLYREC_WRITE_DOCS=1 they write them, else they compare.
"""

import asyncio
import hashlib
import inspect
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from machine_cache import MachineCache
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings

gorse = pytest.importorskip("gorse", reason="PyGorse is not installed")
PAGE = Path(__file__).parents[2] / "docs" / "gorse.md"
NODE_PACKAGE = Path(__file__).parent / "gorsejs"
TIME = "2022-02-24 10:00:00"


class Requests:
    """Records the method, path and status of each request to an application."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.lines: list[str] = []

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        async def recorded(message: dict) -> None:
            if message["type"] == "http.response.start":
                path = scope["raw_path"].decode()
                self.lines.append(f"{scope['method']} {path} {message['status']}")
            await send(message)

        await self.app(scope, receive, recorded if scope["type"] == "http" else send)


@pytest.fixture
def served(settings: Settings, key: Callable[..., str]) -> Iterator[tuple[str, str, Requests]]:
    """Return the address of a service, a key to it, and the requests that it answered."""
    requests = Requests(create_app(settings))
    server = uvicorn.Server(uvicorn.Config(requests, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", key("read", "write"), requests
    server.should_exit = True
    thread.join()


def feedback(user: str, item: str, kind: str = "like") -> dict[str, Any]:
    return {"FeedbackType": kind, "UserId": user, "ItemId": item, "Timestamp": TIME}


def pygorse_calls(user: str, item: str) -> list[tuple[str, tuple, Callable[[Any], bool]]]:
    """Return calls of every method in an order that makes sense, and what each result must be."""
    person = {"UserId": user, "Labels": ["x"], "Comment": "c"}
    thing = {
        "ItemId": item, "IsHidden": False, "Labels": ["y"], "Categories": ["a"],
        "Timestamp": "2022-02-24T10:00:00Z", "Comment": f"Zeppelin {item}\nAn airship",
    }  # fmt: skip
    rows = {"RowAffected": 1}
    others = [{"UserId": f"{user}{n}"} for n in range(3)]
    liked = {"i0003", "i0009"}

    def holds(body: dict) -> Callable[[Any], bool]:
        return lambda result: body.items() <= result.items()

    def recommended(result: list) -> bool:
        scores = [pair.score for pair in result]
        return len(result) == 3 and scores == sorted(scores, reverse=True)

    return [
        ("insert_user", (person,), rows.__eq__),
        ("insert_users", (others,), {"RowAffected": 3}.__eq__),
        ("get_user", (user,), holds(person)),
        ("get_users", (2,), lambda page: len(page[0]) == 2 and bool(page[1])),
        ("insert_item", (thing,), rows.__eq__),
        ("update_item", (item, None, ["a", "b"]), rows.__eq__),
        ("get_item", (item,), holds({**thing, "Categories": ["a", "b"]})),
        ("get_items", (2,), lambda page: len(page[0]) == 2 and bool(page[1])),
        ("search_items", (f"zeppelin {item}", 2), lambda found: found[0]["ItemId"] == item),
        ("insert_feedback", ("like", user, "i0003", TIME), rows.__eq__),
        ("insert_feedbacks", ([feedback(user, "i0009"), feedback(user, item, "star")],),
         {"RowAffected": 2}.__eq__),
        ("list_feedbacks", ("like", user), lambda found: {f["ItemId"] for f in found} == liked),
        ("get_feedbacks", (2,), lambda page: len(page[0]) == 2 and bool(page[1])),
        ("get_recommend", (user, "", 3), recommended),
        ("get_recommend", (user, "b", 3), lambda result: result == []),
        ("get_recommend", (user, "", 3, 1, "read", "10m"), recommended),
        ("session_recommend", ([feedback("", "i0003")], 3), lambda result: len(result) == 3),
        ("get_neighbors", ("i0003", 3, 1), lambda result: len(result) == 3),
        ("delete_feedback", (user, "i0003"), rows.__eq__),
        ("delete_item", (item,), rows.__eq__),
        ("delete_user", (user,), rows.__eq__),
    ]  # fmt: skip


@pytest.mark.parametrize("client", [gorse.Gorse, gorse.AsyncGorse], ids=lambda kind: kind.__name__)
def test_every_method_of_pygorse_gets_what_gorse_would_give(
    client: type, served: tuple[str, str, Requests]
) -> None:
    address, key, requests = served
    opened = client(address, key)
    calls = pygorse_calls("pia", "py1")
    methods = {name for name, _ in inspect.getmembers(client, inspect.isfunction)}
    assert {name for name, _, _ in calls} == {n for n in methods if not n.startswith("_")}

    def call(name: str, *values: Any) -> Any:
        result = getattr(opened, name)(*values)
        return asyncio.run(result) if inspect.isawaitable(result) else result

    rows = []
    for name, values, check in calls:
        requests.lines.clear()
        result = call(name, *values)
        assert check(result), (name, result)
        rows.append((name, list(requests.lines), result))
    with pytest.raises(gorse.GorseException) as raised:
        call("get_user", "pia")
    assert raised.value.status_code == 404
    compare_table(f"PyGorse {version('PyGorse')}", rows)


def test_every_method_of_gorsejs_gets_what_gorse_would_give(
    machine_cache: MachineCache, served: tuple[str, str, Requests]
) -> None:
    folder = node_modules(machine_cache)
    address, key, requests = served
    run = subprocess.run(
        ["node", "calls.js", address, key], cwd=folder, capture_output=True, text=True, check=True
    )
    (methods, *lines) = [json.loads(line) for line in run.stdout.splitlines()]
    assert {line["method"] for line in lines} == set(methods["methods"])
    assert lines.pop() == {"method": "getUser", "error": 404}  # it was deleted
    requests.lines.pop()
    results = {line["method"]: line["result"] for line in lines}  # the last of each
    for name in ("insertUser", "updateUser", "upsertItem", "updateItem", "insertItemCategory",
                 "deleteItemCategory", "upsertFeedbacks", "deleteItem", "deleteUser"):  # fmt: skip
        assert results[name] == 1, name
    assert (results["insertUsers"], results["upsertItems"], results["insertFeedbacks"]) == (2, 2, 2)
    assert results["getUser"] == {"UserId": "jo", "Labels": ["x"], "Comment": "new"}
    item = {"Categories": ["b"], "Labels": ["y"], "Comment": "A kite", "IsHidden": False}
    assert item.items() <= results["getItem"].items()
    assert results["getFeedback"]["Timestamp"] == "2022-02-24T00:00:00Z"
    assert {f["ItemId"] for f in results["getUserFeedbackByType"]} == {"i0003", "i0009"}
    assert [f["UserId"] for f in results["getItemFeedbackByType"]] == ["jo"]
    assert [pair["Id"] for pair in results["getLatest"]] == ["js1"]  # of category b
    for name in ("getPopular", "getRecommend", "getSessionRecommend", "getItemNeighbors"):
        assert len(results[name]) == 2, name
    assert results["deleteFeedback"] == {"RowAffected": 1}
    rows = [
        (line["method"], [request], line["result"])
        for line, request in zip(lines, requests.lines, strict=True)
    ]
    installed = json.loads((folder / "node_modules/gorsejs/package.json").read_text())
    compare_table(f"gorsejs {installed['version']}", rows)


def node_modules(machine_cache: MachineCache) -> Path:
    """Return a folder with gorsejs and what it needs, or skip with the reason."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed: gorsejs is not tried")
    files = sorted(path for path in NODE_PACKAGE.iterdir() if path.is_file())
    key = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()

    def install(folder: Path) -> None:
        for path in files:
            shutil.copy(path, folder)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        if run.returncode:
            raise OSError(run.stderr.strip().splitlines()[-1])

    try:
        return machine_cache.folder("gorsejs", install, key=key)
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm can't install gorsejs: {error}")


def compare_table(title: str, rows: list[tuple[str, list[str], Any]]) -> None:
    """Compare a client's table with the page, or write it there."""
    lines = [f"### {title}", "", "| method | request | status | result |", "|---|---|---|---|"]
    for name, sent, result in rows:
        (request,) = sent
        request, _, status = request.rpartition(" ")
        line = f"| `{name}` | `{request}` | {status} | {shape(result)} |"
        lines += [line] if line not in lines else []
    table = "\n".join(lines)
    page = PAGE.read_text(encoding="utf-8")
    section = re.compile(rf"### {title.partition(' ')[0]} .*\n\n(\|.*\n)+")
    if os.environ.get("POLYREC_WRITE_DOCS"):
        assert section.search(page), f"the page has no section {title}"
        PAGE.write_text(section.sub(lambda _: table + "\n", page), encoding="utf-8")
    assert table in PAGE.read_text(encoding="utf-8"), (
        "run POLYREC_WRITE_DOCS=1 pytest tests/serve/test_gorse_clients.py"
    )


def shape(value: Any) -> str:
    """Return what a result looks like: counts and names, no values."""
    if isinstance(value, tuple):
        return ", ".join(map(shape, value))
    if isinstance(value, list):
        return f"{len(value)} x {shape(value[0])}" if value else "none"
    if isinstance(value, dict):
        if set(value) == {"RowAffected"}:
            return f"RowAffected {value['RowAffected']}"
        lists = [name for name in value if isinstance(value[name], list) and name != "Labels"]
        inner = [shape(value[name]) for name in lists if name in ("Users", "Items", "Feedback")]
        return ", ".join([*inner, "cursor"]) if "Cursor" in value else " ".join(value)
    if isinstance(value, str):
        return "cursor" if len(value) > 40 else "id"
    return str(value) if isinstance(value, int) else type(value).__name__
