"""Read raw content into one row of features per item.

| encoder | modality | what it is |
|---|---|---|
| features | any | ready feature rows, as given |
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
| text_lstm, text_transformer | text | trained here, on the catalogue's behaviour (extra `torch`) |
| image_cnn | image | trained here (extra `torch`) |
| audio_cnn, audio_lstm | audio | trained here (extra `torch`) |
| video_lstm | video | a CNN per frame and an LSTM, trained here (extra `torch`) |
"""

from polyrec.registry import lazy

PARTS = {
    "features": "polyrec.encode.features:Features",
    "lsa": "polyrec.encode.text.lsa:LSA",
    "word_vectors": "polyrec.encode.text.word_vectors:WordVectors",
    "descriptor": "polyrec.encode.image.descriptor:Descriptor",
    "spectral": "polyrec.encode.audio.spectral:Spectral",
    "motion": "polyrec.encode.video.motion:Motion",
    "timeline": "polyrec.encode.video.timeline:Timeline",
    "minilm": "polyrec.encode.text.minilm:MiniLM",
    "text_model": "polyrec.encode.text.text_model:TextModel",
    "image_model": "polyrec.encode.image.image_model:ImageModel",
    "audio_model": "polyrec.encode.audio.audio_model:AudioModel",
    "video_model": "polyrec.encode.video.video_model:VideoModel",
    "frames_model": "polyrec.encode.video.frames_model:FramesModel",
    "text_lstm": "polyrec.encode.text.text_lstm:TextLSTM",
    "text_transformer": "polyrec.encode.text.text_transformer:TextTransformer",
    "image_cnn": "polyrec.encode.image.image_cnn:ImageCNN",
    "audio_cnn": "polyrec.encode.audio.audio_cnn:AudioCNN",
    "audio_lstm": "polyrec.encode.audio.audio_lstm:AudioLSTM",
    "video_lstm": "polyrec.encode.video.video_lstm:VideoLSTM",
}
EXTRAS = {
    "minilm": "minilm",
    **dict.fromkeys(
        ("text_model", "image_model", "audio_model", "video_model", "frames_model"), "models"
    ),
    **dict.fromkeys(
        ("text_lstm", "text_transformer", "image_cnn", "audio_cnn", "audio_lstm", "video_lstm"),
        "torch",
    ),
}
__getattr__ = lazy(__name__, PARTS, EXTRAS)
