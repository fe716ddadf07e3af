"""Pretrained models: loaded safely, inputs as of their own processors, joint ones in one space."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="extra models is not installed")
import torch
import transformers
from PIL import Image

from polyrec.artifact import part_state
from polyrec.config import Limits
from polyrec.encode import pretrained
from polyrec.encode.audio.audio_model import AudioModel
from polyrec.encode.image.image_model import ImageModel, load_preprocessing
from polyrec.encode.text.text_model import TextModel
from polyrec.encode.video.frames_model import FramesModel
from polyrec.encode.video.video_model import VideoModel
from polyrec.errors import ConfigError, FitError

Tiny = Callable[[str], Path]
TEXTS = ["a blue boat at sea", "bread soup", "a"]
NOISE = np.random.default_rng(0).integers(0, 256, (90, 61, 3)).astype(np.uint8)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("family", ["bert", "gpt2", "t5", "clip", "siglip", "clap", "xclip"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_text_families(tiny_model: Tiny, family: str, pooling: str) -> None:
    encoder = TextModel(model=str(tiny_model(family)), pooling=pooling)
    view = encoder.encode([*TEXTS, None])
    assert view.present.tolist() == [True, True, True, False]
    assert view.width == encoder.width
    assert np.allclose(np.linalg.norm(view.vectors[:3], axis=1), 1, atol=1e-5)
    alone = [encoder.encode([text]).vectors[0] for text in TEXTS]
    assert np.allclose(view.vectors[:3], alone, atol=1e-5)  # padding has no effect


def test_poolings_follow_their_definitions(tiny_model: Tiny) -> None:
    folder = tiny_model("bert")
    model = transformers.AutoModel.from_pretrained(folder).eval()
    # [CLS] a blue boat [SEP]
    with torch.no_grad():
        states = model(input_ids=torch.tensor([[2, 4, 5, 6, 3]])).last_hidden_state[0]
    wanted = {"mean": states.mean(dim=0), "cls": states[0], "last": states[-1]}
    for pooling, row in wanted.items():
        view = TextModel(model=str(folder), pooling=pooling).encode(["a blue boat", "a " * 9])
        assert np.allclose(view.vectors[0], (row / row.norm()).numpy(), atol=1e-5)
    prefixed = TextModel(model=str(folder), prefix="a blue ").encode(["boat"]).vectors
    plain = TextModel(model=str(folder)).encode(["a blue boat"]).vectors
    assert np.allclose(prefixed, plain, atol=1e-6)


@pytest.mark.parametrize("family", ["vit", "resnet", "dinov2", "clip", "siglip"])
def test_images_are_preprocessed_as_by_the_models_own_processor(
    tiny_model: Tiny, family: str
) -> None:
    folder = tiny_model(family)
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    preprocessing = load_preprocessing(folder)
    for pixels in (NOISE, NOISE.transpose(1, 0, 2), NOISE[:40, :40]):
        wanted = processor(Image.fromarray(pixels), return_tensors="pt")["pixel_values"][0]
        inputs = preprocessing.scale(preprocessing.decoder.prepare(png(pixels), Limits()))
        assert inputs.shape == wanted.shape
        assert torch.allclose(inputs, wanted, atol=1e-5)


def test_dinov3_is_resized_and_scaled_by_its_settings(tiny_model: Tiny) -> None:
    preprocessing = load_preprocessing(tiny_model("dinov3"))
    inputs = preprocessing.scale(preprocessing.decoder.prepare(png(NOISE), Limits()))
    small = Image.fromarray(NOISE).resize((32, 32), Image.Resampling.BILINEAR)
    wanted = (np.asarray(small) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    assert np.allclose(inputs.movedim(0, -1).numpy(), wanted, atol=1e-5)


def test_models_of_any_image_size_are_refused(tiny_model: Tiny, jpeg: bytes) -> None:
    with pytest.raises(ConfigError, match="images of any size are not supported"):
        ImageModel(model=str(tiny_model("siglip2_naflex"))).encode([jpeg])


@pytest.mark.parametrize("family", ["vit", "resnet", "dinov2", "dinov3", "clip", "siglip"])
@pytest.mark.parametrize("encoder", [ImageModel, FramesModel])
def test_image_families(
    tiny_model: Tiny, family: str, encoder: type, jpeg: bytes, silent_mp4: bytes
) -> None:
    part = encoder(model=str(tiny_model(family)))
    view = part.encode([jpeg if encoder is ImageModel else silent_mp4, b"broken"])
    assert view.present.tolist() == [True, False]
    assert view.width == part.width


@pytest.mark.parametrize("family", ["ast", "clap", "wav2vec2", "hubert", "whisper"])
def test_audio_families(tiny_model: Tiny, family: str, mp3: bytes, silent_mp4: bytes) -> None:
    encoder = AudioModel(model=str(tiny_model(family)))
    view = encoder.encode([mp3, silent_mp4, mp3])
    assert view.present.tolist() == [True, False, True]
    assert view.problems[1].status == "missing"
    assert view.width == encoder.width
    assert np.allclose(view.vectors[0], view.vectors[2], atol=1e-6)


@pytest.mark.parametrize("family", ["videomae", "timesformer", "xclip"])
@pytest.mark.parametrize("by_shot", [False, True])
def test_video_families(
    tiny_model: Tiny, family: str, by_shot: bool, silent_mp4: bytes, mp3: bytes
) -> None:
    encoder = VideoModel(model=str(tiny_model(family)), by_shot=by_shot)
    view = encoder.encode([silent_mp4, mp3])
    assert view.present.tolist() == [True, False]
    assert view.width == encoder.width


def test_joint_models_declare_one_space(tiny_model: Tiny, jpeg: bytes, silent_mp4: bytes) -> None:
    folder = str(tiny_model("clip"))
    text = TextModel(model=folder).encode(["a boat"])
    image = ImageModel(model=folder).encode([jpeg])
    video = FramesModel(model=folder).encode([silent_mp4])
    assert text.space == image.space == video.space != ""
    assert text.width == image.width == video.width
    assert TextModel(model=str(tiny_model("siglip"))).space != text.space
    assert TextModel(model=str(tiny_model("bert"))).space == ""


def test_a_model_has_to_be_pinned(tmp_path: Path) -> None:
    for revision in ("", "main", "v1.0"):
        with pytest.raises(ConfigError, match="a model has to be pinned"):
            TextModel(model="bert-base-uncased", revision=revision).encode(["a"])
    with pytest.raises(ConfigError, match="this encoder needs a model"):
        TextModel().encode(["a"])


def test_an_id_is_fetched_at_its_commit_without_code_or_pickles(
    tiny_model: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {}

    def snapshot(model: str, **options: object) -> str:
        arguments.update(options, model=model)
        return str(tiny_model("bert"))

    monkeypatch.setattr(pretrained, "snapshot_download", snapshot)
    encoder = TextModel(model="someone/model", revision="a" * 40)
    assert encoder.encode(["a boat"]).present[0]
    assert arguments["revision"] == "a" * 40
    assert not any(p.endswith((".py", ".bin", ".pt", ".pkl")) for p in arguments["allow_patterns"])
    assert encoder.card()["model"] == "someone/model"


def test_a_hub_that_is_out_of_reach_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot(model: str, **options: object) -> str:
        raise OSError("no network")

    monkeypatch.setattr(pretrained, "snapshot_download", snapshot)
    with pytest.raises(ConfigError, match="can't be downloaded"):
        TextModel(model="someone/model", revision="a" * 40).encode(["a"])


def test_pickled_weights_are_not_read(tiny_model: Tiny, tmp_path: Path) -> None:
    for file in tiny_model("bert").iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(ConfigError, match="the model has no safetensors"):
        TextModel(model=str(tmp_path)).encode(["a"])


def test_a_model_with_code_of_its_own_is_not_run(tmp_path: Path, tiny_model: Tiny) -> None:
    for file in tiny_model("bert").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    code = '{"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModel": "evil.M"}}'
    (tmp_path / "config.json").write_text(code)
    (tmp_path / "evil.py").write_text("raise SystemExit('it was run')")
    with pytest.raises(ConfigError, match="can't be loaded"):
        TextModel(model=str(tmp_path)).encode(["a"])


def test_a_card_has_origin_and_licence(tiny_model: Tiny) -> None:
    card = TextModel(model=str(tiny_model("bert"))).card()
    assert card["licence"] == "mit"
    assert card["datasets"] == ["made-up"]
    assert len(card["weights_sha256"]) == 64
    (Path(tiny_model("gpt2")) / "README.md").write_text("no header")
    assert "unknown" in TextModel(model=str(tiny_model("gpt2"))).card()["licence"]


def test_identity_follows_weights_and_settings_not_paths(tiny_model: Tiny, tmp_path: Path) -> None:
    folder = tiny_model("bert")
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    identity = TextModel(model=str(folder)).identity
    assert TextModel(model=str(copy)).identity == identity
    assert TextModel(model=str(copy), batch=3, device="cpu").identity == identity
    assert TextModel(model=str(copy), pooling="cls").identity != identity
    assert TextModel(model=str(copy), precision="bf16").identity != identity
    assert TextModel(model=str(tiny_model("gpt2"))).identity != identity


def test_a_bundle_refuses_other_weights_than_it_was_made_with(
    tiny_model: Tiny, tmp_path: Path
) -> None:
    encoder = TextModel(model=str(tiny_model("bert")))
    encoder.encode(["a"])
    learned = part_state.dump_learned(encoder)
    moved = TextModel(model=str(tiny_model("gpt2")))
    part_state.load_learned(moved, *learned)
    with pytest.raises(FitError, match="the model's weights have changed"):
        moved.encode(["a"])


def test_precision_and_device_are_chosen_and_checked(tiny_model: Tiny) -> None:
    folder = str(tiny_model("bert"))
    plain = TextModel(model=folder, device="cpu").encode(TEXTS).vectors
    half = TextModel(model=folder, precision="bf16").encode(TEXTS).vectors
    assert half.dtype == np.float32
    assert 0 < np.abs(plain - half).max() < 0.05
    with pytest.raises(ConfigError, match="fp16 needs a GPU"):
        TextModel(model=folder, device="cpu", precision="fp16").encode(TEXTS)
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="the device is not available"):
            TextModel(model=folder, device="cuda").encode(TEXTS)


def test_batches_shrink_when_memory_ends(tiny_model: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = TextModel(model=str(tiny_model("bert")), batch=8)
    plain = encoder.encode(TEXTS * 5).vectors
    sizes = []
    embed = encoder.embed

    def scarce(prepared: list) -> np.ndarray:
        sizes.append(len(prepared))
        if len(prepared) > 3:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
        return embed(prepared)

    monkeypatch.setattr(encoder, "embed", scarce)
    assert np.allclose(encoder.encode(TEXTS * 5).vectors, plain, atol=1e-5)
    assert sizes[:4] == [8, 4, 2, 2]


def test_a_cut_model_folder_is_said(tiny_model: Tiny, tmp_path: Path) -> None:
    for file in tiny_model("bert").iterdir():
        content = file.read_bytes()
        (tmp_path / file.name).write_bytes(content[: len(content) // 2])
    with pytest.raises(ConfigError, match="can't be loaded"):
        TextModel(model=str(tmp_path)).encode(["a"])
