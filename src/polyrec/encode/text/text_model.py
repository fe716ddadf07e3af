"""Texts through a pretrained text model: BERT, MPNet, E5, T5, decoders, CLIP's text side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import AutoTokenizer

from polyrec.config import Limits
from polyrec.encode.pretrained import Pretrained, as_unit_rows
from polyrec.media.text import clean_text
from polyrec.types import Floats, Raw


@dataclass
class TextModel(Pretrained):
    """A text as one vector of length 1.

    `pooling` mean: the mean of the last hidden states over the tokens (Reimers & Gurevych, EMNLP
    2019); cls: that of the first token; last: that of the last one, for decoders. Joint models
    (CLIP, SigLIP, CLAP, X-CLIP) give their projected text vector instead. `prefix` is put before
    every text, for models that were trained with an instruction.
    """

    pooling: Literal["mean", "cls", "last"] = "mean"
    prefix: str = ""
    max_tokens: int = 256
    modality: str = "text"

    isolated = False  # cleaning text can't hang or crash

    @property
    def width(self) -> int:
        """Return d."""
        if self.space:
            config = self.network.config
            return int(getattr(config, "projection_dim", 0) or config.text_config.projection_size)
        return int(self.network.config.get_text_config().hidden_size)

    def prepare(self, raw: Raw, limits: Limits) -> str:
        """Return the clean text."""
        return clean_text(raw, limits)

    def embed(self, prepared: Sequence[str]) -> Floats:
        """Return (b, d) rows."""
        network = self.network  # first: its files are known to be right from here on
        tokens = self._tokens([self.prefix + text for text in prepared])
        if self.space:
            with torch.inference_mode():
                found = network.get_text_features(**self.moved(tokens))
            return as_unit_rows(getattr(found, "pooler_output", found))
        if network.config.is_encoder_decoder:
            with torch.inference_mode():
                states = network.get_encoder()(**self.moved(tokens)).last_hidden_state
        else:
            states = self.run(**tokens).last_hidden_state  # (b, t, d)
        return as_unit_rows(_pool(states, tokens["attention_mask"].to(states.device), self.pooling))

    def _tokens(self, texts: list[str]) -> dict[str, Any]:
        tokenizer = load_tokenizer(self.folder)
        network = self.network
        places = getattr(network.config.get_text_config(), "max_position_embeddings", 1 << 30)
        # SigLIP was trained on texts padded to the full length
        siglip = network.config.model_type.startswith("siglip")
        found = tokenizer(
            texts,
            padding="max_length" if siglip else True,
            truncation=True,
            max_length=min(self.max_tokens, tokenizer.model_max_length, places),
            return_tensors="pt",
        )
        if "attention_mask" not in found:
            found["attention_mask"] = torch.ones_like(found["input_ids"])
        return dict(found)


@lru_cache(maxsize=4)
def load_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of a model folder, padding on the right."""
    tokenizer = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, padding_side="right"
    )
    if tokenizer.pad_token is None:  # decoders have none
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _pool(states: Any, mask: Any, pooling: str) -> Any:
    if pooling == "cls":
        return states[:, 0]
    if pooling == "last":
        return states[torch.arange(len(states), device=states.device), mask.sum(dim=1) - 1]
    weights = mask[:, :, None].to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1)
