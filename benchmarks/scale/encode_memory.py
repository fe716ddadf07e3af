"""Does memory stay flat when a catalogue is ten times as large?

    OMP_NUM_THREADS=1 python -m benchmarks.scale.encode_memory

`polyrec encode` of 5,000 and of 50,000 synthetic pictures, each in its own process; the peak is
that process's (the ones that decode are alike for both).
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from benchmarks.library.results import save_results

ENCODE = """
import sys
from pathlib import Path
from polyrec.pipeline import run as pipeline
from polyrec.config import read_config
from polyrec.compute.stopwatch import peak_memory_mb
counts = pipeline.encode_all(read_config(Path(sys.argv[1]))).counts["image"]
print(counts["present"], peak_memory_mb())
"""


def main() -> None:
    peaks = {}
    for count in (5_000, 50_000):
        with tempfile.TemporaryDirectory() as place:
            config = make(Path(place), count)
            command = [sys.executable, "-c", ENCODE, str(config)]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        present, peak = told.split()
        assert int(present) == count, told
        peaks[count] = round(float(peak), 1)
    low, high = peaks.values()
    save_results("memory", {"peak_mb": peaks, "ratio": round(high / low, 3), "goal": 1.2})


def make(folder: Path, count: int) -> Path:
    """Write `count` little pictures, the tables and a config; return the config."""
    (folder / "pictures").mkdir()
    rows = ["item_id,image"]
    for item in range(count):
        colour = (item % 256, item // 256 % 256, 90)
        name = f"pictures/{item}.png"
        Image.new("RGB", (32, 32), colour).save(folder / name, compress_level=1)
        rows.append(f"{item},{name}")
    (folder / "items.csv").write_text("\n".join(rows), encoding="utf-8")
    events = "user_id,item_id,split\n1,0,train\n1,1,test\n2,1,train\n"
    (folder / "interactions.csv").write_text(events, encoding="utf-8")
    tree = {"data": {"path": ".", "image": "image"}, "cache": "c.sqlite"}
    (folder / "memory.yaml").write_text(json.dumps(tree), encoding="utf-8")
    return folder / "memory.yaml"


if __name__ == "__main__":
    main()
