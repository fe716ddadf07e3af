"""Read raw content into one row of features per item.

| encoder | modality | what it is |
|---|---|---|
| features | any | ready feature rows, as given |
| lsa | text | TF-IDF of words and character n-grams, truncated SVD; any language |
| minilm | text | all-MiniLM-L6-v2 sentence embeddings, offline (extra `minilm`) |
| descriptor | image | colour, gradient and texture statistics |
| spectral | audio | log-mel statistics |
| motion | video | frame descriptors over time, motion energy, the sound track |
"""

from polyrec.registry import lazy

PARTS = {
    "features": "polyrec.encode.features:Features",
    "lsa": "polyrec.encode.lsa:LSA",
    "minilm": "polyrec.encode.minilm:MiniLM",
    "descriptor": "polyrec.encode.descriptor:Descriptor",
    "spectral": "polyrec.encode.spectral:Spectral",
    "motion": "polyrec.encode.motion:Motion",
}
__getattr__ = lazy(__name__, PARTS)
