"""Encode raw content as one row of features per item.

| encoder | modality | what it is |
|---|---|---|
| features | any | feature rows that come with the data, unchanged |
| lsa | text | TF-IDF of words and character n-grams, truncated SVD; any language |
| word_vectors | text | mean or SIF-weighted mean of GloVe or word2vec vectors |
| descriptor | image | colour, gradient and texture statistics |
| spectral | audio | log-mel statistics |
| motion | video | frame descriptors over time, motion energy, the sound track |
| timeline | video | frames, sound, subtitles and sensors on one grid of windows, pooled |
| minilm | text | all-MiniLM-L6-v2 sentence embeddings, offline (extra `minilm`) |
| text_model | text | any pretrained text model, CLIP's and CLAP's text side (extra `models`) |
| image_model | image | ViT, DINOv2, ResNet, ConvNeXt, CLIP, SigLIP (extra `models`) |
| audio_model | audio | AST, CLAP, Wav2Vec2, HuBERT, Whisper (extra `models`) |
| video_model | video | VideoMAE, TimeSformer, X-CLIP (extra `models`) |
| frames_model | video | any pretrained image model over frames (extra `models`) |
| text_lstm, text_transformer | text | trained on the catalogue (extra `torch`) |
| image_cnn | image | trained on the catalogue (extra `torch`) |
| audio_cnn, audio_lstm | audio | trained on the catalogue (extra `torch`) |
| video_lstm | video | a CNN per frame and an LSTM, trained on the catalogue (extra `torch`) |
"""

from typing import TYPE_CHECKING

from polyrec.registry import lazy_parts

if TYPE_CHECKING:  # the parts of this room, each named by its module; read by `lazy_parts`
    from polyrec.encode.audio.audio_cnn import AudioCNN as AudioCNN
    from polyrec.encode.audio.audio_lstm import AudioLSTM as AudioLSTM
    from polyrec.encode.audio.audio_model import AudioModel as AudioModel
    from polyrec.encode.audio.spectral import Spectral as Spectral
    from polyrec.encode.features import Features as Features
    from polyrec.encode.image.descriptor import Descriptor as Descriptor
    from polyrec.encode.image.image_cnn import ImageCNN as ImageCNN
    from polyrec.encode.image.image_model import ImageModel as ImageModel
    from polyrec.encode.text.lsa import LSA as LSA
    from polyrec.encode.text.minilm import MiniLM as MiniLM
    from polyrec.encode.text.text_lstm import TextLSTM as TextLSTM
    from polyrec.encode.text.text_model import TextModel as TextModel
    from polyrec.encode.text.text_transformer import TextTransformer as TextTransformer
    from polyrec.encode.text.word_vectors import WordVectors as WordVectors
    from polyrec.encode.video.frames_model import FramesModel as FramesModel
    from polyrec.encode.video.motion import Motion as Motion
    from polyrec.encode.video.timeline import Timeline as Timeline
    from polyrec.encode.video.video_lstm import VideoLSTM as VideoLSTM
    from polyrec.encode.video.video_model import VideoModel as VideoModel
else:
    PARTS, __all__, __getattr__, __dir__ = lazy_parts(__name__)
