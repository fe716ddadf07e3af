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

from polyrec.registry import lazy_classes

PARTS = {
    "features": "polyrec.encode.features:Features",
    "lsa": "polyrec.encode.text.lsa:LSA",
    "word_vectors": "polyrec.encode.text.word_vectors:WordVectors",
    "descriptor": "polyrec.encode.image.descriptor:Descriptor",
    "spectral": "polyrec.encode.audio.spectral:Spectral",
    "motion": "polyrec.encode.video.motion:Motion",
    "timeline": "polyrec.encode.video.timeline:Timeline",
    "minilm": "polyrec.encode.text.minilm:MiniLM [minilm]",
    "text_model": "polyrec.encode.text.text_model:TextModel [models]",
    "image_model": "polyrec.encode.image.image_model:ImageModel [models]",
    "audio_model": "polyrec.encode.audio.audio_model:AudioModel [models]",
    "video_model": "polyrec.encode.video.video_model:VideoModel [models]",
    "frames_model": "polyrec.encode.video.frames_model:FramesModel [models]",
    "text_lstm": "polyrec.encode.text.text_lstm:TextLSTM [torch]",
    "text_transformer": "polyrec.encode.text.text_transformer:TextTransformer [torch]",
    "image_cnn": "polyrec.encode.image.image_cnn:ImageCNN [torch]",
    "audio_cnn": "polyrec.encode.audio.audio_cnn:AudioCNN [torch]",
    "audio_lstm": "polyrec.encode.audio.audio_lstm:AudioLSTM [torch]",
    "video_lstm": "polyrec.encode.video.video_lstm:VideoLSTM [torch]",
}
__getattr__, __dir__ = lazy_classes(__name__, PARTS)
