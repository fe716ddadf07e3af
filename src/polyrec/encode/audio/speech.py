"""What is said in sounds and videos: Whisper's words (extra `speech`), through a text encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from polyrec.config import Limits, make_part
from polyrec.contracts import cached, part
from polyrec.encode.audio.transcript import SpeechDecoder, transcribe_frames
from polyrec.encode.base import Preparer
from polyrec.encode.packaged.encoder import PackagedEncoder
from polyrec.encode.packaged.install import installed_weights
from polyrec.media.video import Cue
from polyrec.registry import find_class, load_object
from polyrec.types import Floats, Problem, Raw


@part
class Speech(PackagedEncoder):
    """The words of a sound, or of a video's sound track, as one vector of a text encoder.

    English words by Whisper tiny.en (Radford et al., ICML 2023), in windows of 30 s. What has no
    speech is absent.

    >>> Speech(text="minilm").modality
    'audio'
    """

    packaged_model: ClassVar[str] = "whisper"
    unusable: ClassVar[Problem] = Problem("missing", "no speech")

    text: Literal["minilm", "e5"] = "minilm"
    seconds: float = 300.0  # of each sound, from its start
    modality: str = "audio"

    _text_encoder: Any = cached()

    @property
    def width(self) -> int:
        """Return d."""
        return int(self.text_encoder.width)

    @property
    def identity(self) -> str:
        """Return what stands for the speech model and the text encoder."""
        return f"{super().identity} {self.text_encoder.identity}"

    def card(self) -> Mapping[str, Any]:
        """Return the origin and licence of both models."""
        return {**super().card(), "text": dict(self.text_encoder.card())}

    @property
    def text_encoder(self) -> Any:
        """Return the encoder of the words."""
        if self._text_encoder is None:
            self._text_encoder = make_part(
                find_class("encode", self.text), {"device": self.device}, where="speech.text"
            )
        return self._text_encoder

    @property
    def preparer(self) -> Preparer:
        """Return what decodes sounds."""
        return SpeechDecoder(self.seconds)

    @property
    def network(self) -> Any:
        """Return the speech model, loaded on first use."""
        if self._network is None:
            self._check_weights()
            folder = installed_weights(self.packaged_model).parent
            # imported here: its package has an extra of its own
            self._network = load_object("polyrec.encode.audio.whisper:WhisperModel")(folder)
        return self._network

    def transcribe(self, raw: Raw, limits: Limits | None = None) -> list[Cue]:
        """Return what is said in a content, and when."""
        return self._cues(self.preparer.prepare(raw, limits or Limits()))

    def embed(self, prepared: Sequence[Floats]) -> Floats:
        """Return (b, d) rows of (t, 80) frames; nan for those without speech."""
        texts = [" ".join(cue.text for cue in self._cues(frames)) for frames in prepared]
        view = self.text_encoder.encode([text or None for text in texts])
        return np.where(view.present[:, None], view.vectors, np.float32("nan"))

    def _cues(self, frames: Floats) -> list[Cue]:
        model = self.network
        return transcribe_frames(frames, model.transcribe, model.decode, model.first_stamp)
