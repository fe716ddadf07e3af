"""A language model in a local folder, through transformers: no network, no code of the folder."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import torch
import transformers

from polyrec.config.language_model import LanguageModelConfig
from polyrec.errors import LanguageModelError
from polyrec.generate.language_model.backend import Completion
from polyrec.generate.language_model.prompt import Message


class FolderBackend:
    """A causal language model with a chat template, answering one prompt at a time on the CPU."""

    local = True

    def __init__(self, config: LanguageModelConfig) -> None:
        self._config = config
        self._folder = Path(config.folder or "")
        self.name = self._folder.name
        self._lock = Lock()
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(
                self._folder, local_files_only=True, trust_remote_code=False
            )
            self._model = transformers.AutoModelForCausalLM.from_pretrained(
                self._folder, local_files_only=True, trust_remote_code=False, use_safetensors=True
            ).eval()
        except (OSError, ValueError, KeyError) as error:
            raise LanguageModelError(
                "the folder has no language model that transformers can load",
                received=str(self._folder),
                remedy="save one with save_pretrained, as safetensors",
            ) from error

    async def generate(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any],  # noqa: ARG002 - the caller validates the answer
        *,
        timeout_s: float,
    ) -> Completion:
        """Return the answer to the messages."""
        return await asyncio.to_thread(self._generate, list(messages), timeout_s)

    async def close(self) -> None:
        """Do nothing: there are no connections."""

    def _generate(self, messages: list[Message], timeout_s: float) -> Completion:
        if not self._lock.acquire(timeout=timeout_s):
            raise LanguageModelError(
                "the language model is busy", remedy="try again", status="timed out"
            )
        try:
            inputs = self._tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
            width = int(inputs["input_ids"].shape[1])
            self._check_width(width)
            with torch.inference_mode():
                output = self._model.generate(
                    **inputs,
                    max_new_tokens=self._config.max_answer_tokens,
                    max_time=timeout_s,
                    do_sample=False,
                )[0, width:]
        finally:
            self._lock.release()
        text = self._tokenizer.decode(output, skip_special_tokens=True)
        return Completion(text, width, int(output.shape[0]))

    def _check_width(self, width: int) -> None:
        longest = getattr(self._model.config, "max_position_embeddings", None)
        if longest is not None and width + self._config.max_answer_tokens > longest:
            remedy = "send fewer or shorter texts, or use a model with a longer context"
            raise LanguageModelError(
                "the prompt is too long for the language model",
                received=f"{width} tokens",
                remedy=remedy,
                status="too long",
            )
