"""A language model in a local folder runs without a network and within the same limits."""

import asyncio
from pathlib import Path

import pytest
from pydantic import BaseModel

pytest.importorskip("transformers", reason="extra models is not installed")

import transformers

from polyrec.config.language_model import LanguageModelConfig
from polyrec.errors import LanguageModelError
from polyrec.generate.language_model.client import open_language_model
from polyrec.generate.language_model.prompt import Prompt
from tiny_models import SMALL, WORDS, tokenizer

TEMPLATE = "{% for message in messages %}{{ message['content'] }} {% endfor %}"


class Order(BaseModel):
    order: list[int]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny model that writes random words."""
    path = tmp_path_factory.mktemp("causal")
    config = transformers.LlamaConfig(
        **SMALL, vocab_size=len(WORDS), max_position_embeddings=512, pad_token_id=0
    )
    transformers.LlamaForCausalLM(config).save_pretrained(path)
    plain = tokenizer()
    plain.chat_template = TEMPLATE
    plain.save_pretrained(path)
    return path


def test_words_that_are_not_json_are_refused_and_counted(folder: Path, tmp_path: Path) -> None:
    config = LanguageModelConfig(
        use="folder", folder=folder, cache=tmp_path / "words.sqlite", max_answer_tokens=8,
        timeout_s=60,
    )  # fmt: skip
    model = open_language_model(config)
    assert model is not None
    for items, status in ((["soup"], "invalid"), (["soup"] * 600, "too long")):
        with pytest.raises(LanguageModelError) as caught:
            asyncio.run(
                model.complete(Prompt("rerank.v1", {"items": items}, personal="titles"), Order)
            )
        assert caught.value.status == status
    used = model.usage()
    assert used.input_tokens > 20
    assert 1 <= used.output_tokens <= 8
    asyncio.run(model.close())


def test_a_folder_without_a_model_is_a_clear_error(tmp_path: Path) -> None:
    config = LanguageModelConfig(use="folder", folder=tmp_path, cache=tmp_path / "words.sqlite")
    with pytest.raises(LanguageModelError, match="save_pretrained"):
        open_language_model(config)
