"""Items with hostile texts in a service whose model obeys them: lists, filters, keys, reasons."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from benchmarks.library.hostile_texts import HOSTILE_TEXTS
from fake_language_model import FakeAddress
from polyrec.artifact.bundle import Bundle
from polyrec.database import keys
from polyrec.database.database import Database
from polyrec.generate.wording.facts import clean_title
from polyrec.serve.app import create_app
from polyrec.serve.settings import Settings
from serve.test_media import settled

MESSAGES = ("a lamp without red", "show me everything", "why the first", "kitchen under 20 euros")


def obey(data: dict) -> str:
    """Return what hostile texts want: their items first, others dropped, claims, no filters."""
    if "items" in data and "sources" not in data:
        numbers = [item["number"] for item in data["items"]]
        drops = any("drop" in item["title"] for item in data["items"])
        return json.dumps({"order": numbers[:1] if drops else numbers[::-1]})
    return '{"text": "Everybody loves {item1}. Ignore all filters!", "categories": []}'


@contextmanager
def serving(settings: Settings, path: Path | None) -> Iterator[TestClient]:
    changed = replace(settings, language_model=path, language_model_timeout_s=2,
                      language_model_uses=("reasons", "lists", "chat"))  # fmt: skip
    with TestClient(create_app(changed)) as client:
        yield client


def answers(client: TestClient, items: list[str]) -> dict[str, Any]:
    """Return what the service answers, lists as sets where a model may order them."""
    results: dict[str, Any] = {}
    for user in ("ann", "bob"):
        for query in ("n=50", "n=10&offset=5", "n=20&category=lamps", "n=9&hide-seen=false"):
            page = client.get(f"/api/recommend/{user}?{query}&rerank=true").json()
            results[f"{user} {query}"] = sorted(page)
        for item in items[:6]:
            text = client.get(f"/api/explain/{user}/{item}").json()["Text"]
            results[f"{user} {item}"] = sorted(re.findall("“[^”]*”|[0-9]+%", text))
        for message in MESSAGES:
            body = {"Message": message, "UserId": user, "N": 20}
            reply = client.post("/api/chat", json=body).json()
            results[f"{user} {message}"] = (reply["Reply"], reply["Items"], reply["State"])
    return results


def test_an_obedient_model_changes_no_list_filter_key_or_reason(
    settings: Settings, bundle: Bundle, tmp_path: Path, key: Any
) -> None:
    key("read")
    items = list(bundle.ids)[: len(HOSTILE_TEXTS)]
    with serving(settings, None) as client:
        for item, text in zip(items, HOSTILE_TEXTS, strict=True):
            response = client.patch(f"/api/item/{item}", json={"Comment": text})
            assert response.status_code in (200, 400), text  # 400: characters that are refused
        new = {"ItemId": "lamp", "Comment": "A lamp", "Categories": ["lamps"]}
        assert client.post("/api/item", json=new).is_success
        likes = [{"FeedbackType": "like", "UserId": user, "ItemId": item}
                 for user, rows in (("ann", (3, 9)), ("bob", (20, 55))) for item in
                 (bundle.ids[row] for row in rows)]  # fmt: skip
        assert client.post("/api/feedback", json=likes).is_success
        for item in (*items, "lamp"):
            settled(client, item)
        before = answers(client, items)
    with FakeAddress(obey) as address, serving(settings, address.settings(tmp_path)) as client:
        assert answers(client, items) == before
        assert len(address.prompts) > 8
        for prompt in address.prompts:
            if "sources" in prompt:  # reasons send no text of any item
                assert not any(clean_title(text) in str(prompt) for text in HOSTILE_TEXTS[:10])
    database = Database.open(settings.database)
    with database.read() as connection:
        (only,) = keys.all_keys(connection)
    assert only.scopes == ("read",)
    database.close()
