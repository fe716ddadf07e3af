"""Tiny models with random weights, saved as their families save them: nothing is downloaded."""

import json
from collections.abc import Callable
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "blue", "boat", "bread", "soup", "at", "sea"]
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
TEXT = {"vocab_size": len(WORDS), "max_position_embeddings": 40, "pad_token_id": 0}
ENDS = {"bos_token_id": 2, "eos_token_id": 3}
CARD = "---\nlicense: mit\nlanguage: en\ndatasets: [made-up]\n---\n# Tiny\n"


def save(family: str, folder: Path) -> Path:
    """Write a model of a family into a folder."""
    torch.manual_seed(0)
    model, processor = _FAMILIES[family]()
    model.save_pretrained(folder)
    if processor is not None:
        processor.save_pretrained(folder)
    if family in _READERS:
        tokenizer().save_pretrained(folder)
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    return folder


def tokenizer() -> transformers.PreTrainedTokenizerFast:
    plain = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    plain.pre_tokenizer = Whitespace()
    plain.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]", model_max_length=40
    )


def _image(size: int = 32, **more: object):
    edge = {"height": size, "width": size}
    return transformers.ViTImageProcessorPil(size=edge, **more)


def _clip_picture():
    return transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )


def _clip():
    config = transformers.CLIPConfig(
        text_config={**SMALL, **TEXT, **ENDS},
        vision_config={**SMALL, "image_size": 32, "patch_size": 8},
        projection_dim=12,
    )
    return transformers.CLIPModel(config), _clip_picture()


def _siglip():
    config = transformers.SiglipConfig(
        text_config={**SMALL, **TEXT, **ENDS, "projection_size": 16},
        vision_config={**SMALL, "image_size": 32, "patch_size": 8},
    )
    edge = {"height": 32, "width": 32}
    return transformers.SiglipModel(config), transformers.SiglipImageProcessorPil(size=edge)


def _xclip():
    config = transformers.XCLIPConfig(
        text_config={**SMALL, **TEXT, **ENDS},
        vision_config={
            **SMALL, "image_size": 32, "patch_size": 8, "num_frames": 4,
            "mit_hidden_size": 16, "mit_intermediate_size": 32, "mit_num_hidden_layers": 1,
            "mit_num_attention_heads": 2,
        },
        projection_dim=16,
    )  # fmt: skip
    return transformers.XCLIPModel(config), _clip_picture()


def _clap():
    config = transformers.ClapConfig(
        text_config={**SMALL, **TEXT, "projection_dim": 12},
        audio_config={
            "spec_size": 64, "patch_size": 4, "patch_stride": [4, 4], "window_size": 4,
            "num_mel_bins": 16, "depths": [1, 1], "num_attention_heads": [2, 2],
            "patch_embeds_hidden_size": 8, "hidden_size": 16, "projection_dim": 12,
        },
        projection_dim=12,
    )  # fmt: skip
    extractor = transformers.ClapFeatureExtractor(
        feature_size=16, sampling_rate=8000, max_length_s=2, fft_window_size=256, hop_length=160,
        frequency_max=4000, truncation="rand_trunc", padding="repeatpad",
    )  # fmt: skip
    return transformers.ClapModel(config), extractor


def _ast():
    config = transformers.ASTConfig(**SMALL, max_length=64, num_mel_bins=16, patch_size=8)
    extractor = transformers.ASTFeatureExtractor(max_length=64, num_mel_bins=16)
    return transformers.ASTModel(config), extractor


def _speech(model: Callable, config: Callable):
    tiny = config(
        **SMALL, conv_dim=(8, 8), conv_stride=(10, 8), conv_kernel=(10, 8),
        num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, vocab_size=8,
    )  # fmt: skip
    return model(tiny), transformers.Wav2Vec2FeatureExtractor()


def _whisper():
    config = transformers.WhisperConfig(
        d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, num_mel_bins=16,
        max_source_positions=100, max_target_positions=16, vocab_size=11, pad_token_id=0,
        bos_token_id=2, eos_token_id=3, decoder_start_token_id=2,
    )  # fmt: skip
    extractor = transformers.WhisperFeatureExtractor(feature_size=16, chunk_length=2)
    return transformers.WhisperModel(config), extractor


def _videomae():
    config = transformers.VideoMAEConfig(
        **SMALL, image_size=32, patch_size=8, num_frames=4, tubelet_size=2
    )
    return transformers.VideoMAEModel(config), transformers.VideoMAEImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )


def _timesformer():
    config = transformers.TimesformerConfig(**SMALL, image_size=32, patch_size=8, num_frames=4)
    return transformers.TimesformerModel(config), transformers.VideoMAEImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )


def _resnet():
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic"
    )
    return transformers.ResNetModel(config), transformers.ConvNextImageProcessorPil(
        size={"shortest_edge": 32}
    )


def _dinov2():
    config = transformers.Dinov2Config(**SMALL, image_size=32, patch_size=8)
    return transformers.Dinov2Model(config), transformers.BitImageProcessorPil(
        size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}
    )


class _DinoV3Settings:
    """What the checkpoints of DINOv3 carry, whose own processor needs torchvision."""

    def save_pretrained(self, folder: Path) -> None:
        settings = {
            "image_processor_type": "DINOv3ViTImageProcessorFast", "do_resize": True,
            "do_rescale": True, "do_normalize": True, "rescale_factor": 1 / 255, "resample": 2,
            "size": {"height": 32, "width": 32}, "image_mean": [0.485, 0.456, 0.406],
            "image_std": [0.229, 0.224, 0.225],
        }  # fmt: skip
        (folder / "preprocessor_config.json").write_text(json.dumps(settings))


def _dinov3():
    config = transformers.DINOv3ViTConfig(
        **SMALL, image_size=32, patch_size=8, num_register_tokens=2
    )
    return transformers.DINOv3ViTModel(config), _DinoV3Settings()


def _siglip2_naflex():
    config = transformers.Siglip2Config(
        text_config={**SMALL, **TEXT, **ENDS, "projection_size": 16},
        vision_config={**SMALL, "patch_size": 8, "num_patches": 16},
    )
    return transformers.Siglip2Model(config), transformers.Siglip2ImageProcessorPil()


def _gpt2():
    config = transformers.GPT2Config(
        vocab_size=len(WORDS), n_positions=40, n_embd=16, n_layer=1, n_head=2, **ENDS
    )
    return transformers.GPT2Model(config), None


def _t5():
    config = transformers.T5Config(
        vocab_size=len(WORDS), d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2,
        pad_token_id=0, eos_token_id=3, decoder_start_token_id=0,
    )  # fmt: skip
    return transformers.T5Model(config), None


def _bert():
    return transformers.BertModel(transformers.BertConfig(**SMALL, **TEXT)), None


def _vit():
    config = transformers.ViTConfig(**SMALL, image_size=32, patch_size=8)
    return transformers.ViTModel(config), _image()


_FAMILIES: dict[str, Callable] = {
    "bert": _bert,
    "gpt2": _gpt2,
    "t5": _t5,
    "vit": _vit,
    "resnet": _resnet,
    "dinov2": _dinov2,
    "dinov3": _dinov3,
    "siglip2_naflex": _siglip2_naflex,
    "clip": _clip,
    "siglip": _siglip,
    "ast": _ast,
    "clap": _clap,
    "wav2vec2": lambda: _speech(transformers.Wav2Vec2Model, transformers.Wav2Vec2Config),
    "hubert": lambda: _speech(transformers.HubertModel, transformers.HubertConfig),
    "whisper": _whisper,
    "videomae": _videomae,
    "timesformer": _timesformer,
    "xclip": _xclip,
}
_READERS = {"bert", "gpt2", "t5", "clip", "siglip", "clap", "xclip"}
