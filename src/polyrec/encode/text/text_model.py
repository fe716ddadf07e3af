"""Texts through a pretrained text model: BERT, MPNet, E5, T5, decoders, CLIP's text side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from transformers import AutoTokenizer

from polyrec.config import Limits
from polyrec.contracts import part
from polyrec.encode.pretrained import PretrainedEncoder, as_unit_rows, projection
from polyrec.media.text import clean_text
from polyrec.types import Floats, Raw


@part
class TextModel(PretrainedEncoder):
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

    sandboxed: ClassVar[bool] = False  # cleaning text can't hang or crash
    sample_files: ClassVar[Mapping[str, str]] = {"model": "bert"}

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
        network = self.network  # before the tokenizer: loading it checks the files
        tokens = self._tokenize([self.prefix + text for text in prepared])
        if self.space:
            return as_unit_rows(projection(self.infer(network.get_text_features, **tokens)))
        module = network.get_encoder() if network.config.is_encoder_decoder else network
        states = self.infer(module, **tokens).last_hidden_state  # (b, t, d)
        mask = tokens["attention_mask"].to(states.device)
        return as_unit_rows(_pool(states, mask, self.pooling))

    def _tokenize(self, texts: list[str]) -> dict[str, Any]:
        tokenizer = load_tokenizer(self.folder)
        config = self.network.config
        positions = getattr(config.get_text_config(), "max_position_embeddings", 1 << 30)
        # SigLIP was trained on texts padded to the full length
        siglip = config.model_type.startswith("siglip")
        tokens = tokenizer(
            texts,
            padding="max_length" if siglip else True,
            truncation=True,
            max_length=min(self.max_tokens, tokenizer.model_max_length, positions),
            return_tensors="pt",
        )
        if "attention_mask" not in tokens:
            tokens["attention_mask"] = torch.ones_like(tokens["input_ids"])
        return dict(tokens)


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
