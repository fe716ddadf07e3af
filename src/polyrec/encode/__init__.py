"""Turn raw content into rows of features: docs/parts.md lists the encoders."""

from typing import TYPE_CHECKING

from polyrec.registry import lazy_parts

if TYPE_CHECKING:  # the parts of this room, each named by its module; read by `lazy_parts`
    from polyrec.encode.audio.audio_cnn import AudioCNN as AudioCNN
    from polyrec.encode.audio.audio_lstm import AudioLSTM as AudioLSTM
    from polyrec.encode.audio.audio_model import AudioModel as AudioModel
    from polyrec.encode.audio.musicnn import MusiCNN as MusiCNN
    from polyrec.encode.audio.spectral import Spectral as Spectral
    from polyrec.encode.audio.speech import Speech as Speech
    from polyrec.encode.features import Features as Features
    from polyrec.encode.image.descriptor import Descriptor as Descriptor
    from polyrec.encode.image.efficientnet import EfficientNet as EfficientNet
    from polyrec.encode.image.image_cnn import ImageCNN as ImageCNN
    from polyrec.encode.image.image_model import ImageModel as ImageModel
    from polyrec.encode.text.e5 import E5 as E5
    from polyrec.encode.text.lsa import LSA as LSA
    from polyrec.encode.text.minilm import MiniLM as MiniLM
    from polyrec.encode.text.text_lstm import TextLSTM as TextLSTM
    from polyrec.encode.text.text_model import TextModel as TextModel
    from polyrec.encode.text.text_transformer import TextTransformer as TextTransformer
    from polyrec.encode.text.word_vectors import WordVectors as WordVectors
    from polyrec.encode.video.efficientnet_frames import EfficientNetFrames as EfficientNetFrames
    from polyrec.encode.video.frames_model import FramesModel as FramesModel
    from polyrec.encode.video.motion import Motion as Motion
    from polyrec.encode.video.timeline import Timeline as Timeline
    from polyrec.encode.video.video_lstm import VideoLSTM as VideoLSTM
    from polyrec.encode.video.video_model import VideoModel as VideoModel
else:
    PARTS, __all__, __getattr__, __dir__ = lazy_parts(__name__)
