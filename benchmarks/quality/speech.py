"""Are the words of a sound right, and is nothing heard where nobody speaks?

    OMP_NUM_THREADS=1 python -m benchmarks.quality.speech

Whisper tiny.en (polyrec models add whisper) on three readings of LibriSpeech, whose words were
written from the books; on ten digits by each of six speakers, joined with pauses of .3 s; and on
fifty sounds of ESC-10 and four of music and animals, in which nobody speaks. Errors are words
inserted, left out or replaced. Results: speech.json.
"""

import io
import re
import sys
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.library.data_sets import SHARED_DATA
from benchmarks.library.results import save_results
from polyrec.errors import MediaError
from polyrec.media.audio import load_audio
from polyrec.registry import find_class
from polyrec.types import Raw

AUDIO = SHARED_DATA / "media_samples" / "audio"
RATE = 16_000
DIGITS = "zero one two three four five six seven eight nine"
READINGS = {
    "198-209-0000": """
        Missus Allen said Catherine the next morning will there be any harm in my calling on Miss
        Tilney today I shall not be easy till I have explained everything Go by all means my dear
        only put on a white gown Miss Tilney always wears white""",
    "3436-172162-0000": """
        The adventure of the cart It befell in the month of May Queen Guenever called to her knights
        of the table round and gave them warning that early upon the morrow she would ride a maying
        into the woods and fields beside Westminster""",
    "5703-47212-0000": """
        With her white paint and her scarlet smoke stack the Inverashiel one of the two small
        steamers that during the summer months plied up and down the loch and incidentally
        carried""",
}


def main() -> None:
    encoder: Any = find_class("encode", "speech")()
    figures: dict[str, Any] = {"readings": {}, "digits": {}}
    for name, text in READINGS.items():
        figures["readings"][name] = measure(encoder, AUDIO / "music_speech" / f"{name}.ogg", text)
    figures["readings right"] = right(figures["readings"].values())
    for speaker in sorted({path.stem.split("_")[1] for path in (AUDIO / "digits").iterdir()}):
        figures["digits"][speaker] = measure(encoder, joined_digits(speaker), DIGITS)
    figures["digits right"] = right(figures["digits"].values())
    others = [path for path in (AUDIO / "music_speech").glob("*.ogg") if path.stem not in READINGS]
    others += sorted((AUDIO / "esc10").glob("*.ogg"))
    heard = {path.stem: text for path in others if (text := said(encoder, path))}
    figures["without speech"] = {"sounds": len(others), "with words": len(heard), "words": heard}
    save_results("speech", figures)


def measure(encoder: Any, raw: Raw, text: str) -> dict[str, Any]:
    """Return the count of words, of errors, and what was heard."""
    heard = said(encoder, raw)
    print(heard, file=sys.stderr, flush=True)
    reference = words(text)
    return {"words": len(reference), "errors": errors(reference, words(heard)), "heard": heard}


def said(encoder: Any, raw: Raw) -> str:
    """Return the words of a sound, "" for a silent one."""
    try:
        return " ".join(cue.text for cue in encoder.transcribe(raw))
    except MediaError:
        return ""


def right(entries: Any) -> float:
    """Return the share of the words that are right."""
    total = [(entry["words"], entry["errors"]) for entry in entries]
    count, wrong = np.sum(total, axis=0)
    return round(1 - float(wrong / count), 4)


def words(text: str) -> list[str]:
    """Return the words in lower case; digits and Mrs. in words."""
    found = re.findall(r"[a-z']+|\d", text.lower().replace("mrs.", "missus"))
    return [DIGITS.split()[int(word)] if word.isdigit() else word for word in found]


def errors(reference: Sequence[str], heard: Sequence[str]) -> int:
    """Return the edit distance in words (Levenshtein, 1966)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(reference):
        before, row = row, [i + 1]
        for j, other in enumerate(heard):
            row.append(min(before[j] + (word != other), before[j + 1] + 1, row[j] + 1))
    return row[-1]


def joined_digits(speaker: str) -> bytes:
    """Return zero to nine by a speaker, as a wav file."""
    pause = np.zeros(int(0.3 * RATE), np.float32)
    pieces = [pause]
    for digit in range(10):
        path = AUDIO / "digits" / f"{digit}_{speaker}_0.wav"
        pieces += [load_audio(path, rate=RATE, seconds=5.0), pause]
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((np.concatenate(pieces) * 32_767).astype("<i2").tobytes())
    return buffer.getvalue()


if __name__ == "__main__":
    main()
