"""Load pretrained models safely: pinned, from safetensors, and never with code of their own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
import yaml
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from transformers import AutoModel
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from polyrec.artifact.checksummed_folder import sha256
from polyrec.compute.device import BATCH_SIZES, pick_device, pick_precision
from polyrec.contracts import cached, learned, learned_attributes, part
from polyrec.encode.base import PerItemEncoder
from polyrec.errors import ConfigError, FitError
from polyrec.types import Floats

_COMMIT = re.compile(r"[0-9a-f]{40}")
_FILES = ["*.safetensors", "*.json", "*.txt", "*.model", "README.md"]
_SAFE = {"local_files_only": True, "trust_remote_code": False}
_CARD_FIELDS = (
    "license", "license_name", "license_link", "language", "datasets", "base_model", "tags",
)  # fmt: skip


@part
class PretrainedEncoder(PerItemEncoder):
    """What encoders over pretrained models share; each family of models has its own file.

    `model` is a folder, or an id of the model hub with the full commit as `revision`. A bundle
    keeps the sha256 of the weights and refuses others.
    """

    model: str = ""
    revision: str = ""
    device: str = "auto"
    precision: str = "auto"
    batch: int = 0  # contents at once; 0: by device, fewer when memory runs out

    search_weight: ClassVar[float] = 1.0

    fingerprint_: str = learned()  # sha256 of configuration and weights, set on first use
    _network: Any = cached()

    @property
    def folder(self) -> Path:
        """Return the model's folder; a model of the hub is downloaded first."""
        return find_folder(self.model, self.revision)

    @property
    def batch_size(self) -> int:
        """Return how many contents the model takes at once."""
        return self.batch or BATCH_SIZES[pick_device(self.device).type]

    @property
    def identity(self) -> str:
        """Return the name, the version, the settings and the sha256 of the weights."""
        self._check_weights()
        model = f'"model": "{self.model}"'
        identity = super().identity.replace(model, f'"model": "{self.fingerprint_}"')
        return f"{identity} {pick_precision(self.precision, pick_device(self.device))}"

    @property
    def space(self) -> str:
        """Return the space that the modalities of a joint model share; "" for other models."""
        if not hasattr(self.network, "get_text_features"):
            return ""
        return f"{self.network.config.model_type} {self.fingerprint_[:16]}"

    def card(self) -> Mapping[str, Any]:
        """Return the model's origin, licence, and fields of its own card."""
        fields = read_card(self.folder)
        self._check_weights()
        return {
            "name": type(self).__name__,
            "model": self.model if _COMMIT.fullmatch(self.revision) else Path(self.model).name,
            "revision": self.revision,
            "weights_sha256": self.fingerprint_,
            "licence": fields.pop("license", "unknown: read the model's own page"),
            **fields,
            "trained": False,
        }

    @property
    def network(self) -> Any:
        """Return the model, loaded on first use."""
        if self._network is None:
            self._check_weights()
            device = pick_device(self.device)
            dtype = pick_precision(self.precision, device)
            self._network = load_model(self.folder).to(device=device, dtype=dtype)
        return self._network

    def infer(self, module: Callable[..., Any], **inputs: Any) -> Any:
        """Return the output of a part of the model for tensors on any device, without gradients.

        Floating point tensors are converted to the model's precision.
        """
        network = self.network
        moved = {
            name: value.to(network.device, network.dtype if value.is_floating_point() else None)
            for name, value in inputs.items()
        }
        with torch.inference_mode():
            return module(**moved)

    def _check_weights(self) -> None:
        expected = learned_attributes(self).get("fingerprint_")
        if self._network is not None and expected is not None:
            return
        actual = weights_sha256(self.folder)
        if expected not in (None, actual):
            remedy = "restore the model that the bundle was made with"
            raise FitError("the model's weights have changed", received=self.model, remedy=remedy)
        self.fingerprint_ = actual


def projection(output: Any) -> Any:
    """Return the projected vectors of a joint model, whatever form its version returns them in."""
    return getattr(output, "pooler_output", output)


def as_unit_rows(rows: Any) -> Floats:
    """Return (b, d) float32 rows of length 1 from a tensor."""
    unit: Floats = torch.nn.functional.normalize(rows.float(), dim=1).cpu().numpy()
    return unit


def find_folder(model: str, revision: str) -> Path:
    """Return the folder of a model; an id is downloaded at its pinned revision."""
    if not model:
        remedy = "model: a folder, or an id of the hub with revision: its full commit"
        raise ConfigError("this encoder needs a model", remedy=remedy)
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if not _COMMIT.fullmatch(revision):
        remedy = "there is no such folder; an id needs revision: the 40 digits of a commit"
        raise ConfigError("a model has to be pinned", received=model, remedy=remedy)
    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=_FILES))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        remedy = "check the id and the network, or download it and name its folder"
        raise ConfigError("the model can't be downloaded", received=model, remedy=remedy) from error


def load_model(folder: Path) -> Any:
    """Return the model of a folder, in evaluation mode."""
    disable_progress_bar()
    set_verbosity_error()
    try:
        return AutoModel.from_pretrained(folder, use_safetensors=True, **_SAFE).eval()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0][:200]
        remedy = "the folder needs config.json and *.safetensors of a known architecture"
        raise ConfigError("the model can't be loaded", received=reason, remedy=remedy) from error


def weights_sha256(folder: Path) -> str:
    """Return one sha256 over the configuration and every weights file of a folder."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        remedy = "convert the weights to safetensors: pickled ones are not read"
        raise ConfigError("the model has no safetensors", received=folder.name, remedy=remedy)
    digest = hashlib.sha256()
    for file in [*sorted(folder.glob("*.json")), *sorted(folder.glob("*.txt")), *files]:
        digest.update(f"{file.name} {sha256(file)}\n".encode())
    return digest.hexdigest()


def read_card(folder: Path) -> dict[str, Any]:
    """Return the licence and origin that a model's README.md declares in its header."""
    readme = folder / "README.md"
    if not readme.is_file():
        return {}
    text = readme.read_text(encoding="utf-8", errors="replace")
    header = re.match(r"---\n(.*?)\n---", text, re.S)
    try:
        fields = yaml.safe_load(header[1]) if header else {}
    except yaml.YAMLError:
        return {}
    return {k: fields[k] for k in _CARD_FIELDS if k in fields} if isinstance(fields, dict) else {}
