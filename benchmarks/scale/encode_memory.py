"""Does memory stay flat when a catalogue is ten times as large?

    OMP_NUM_THREADS=1 python -m benchmarks.scale.encode_memory

`polyrec encode` of 5,000 and of 50,000 synthetic images, each in a process of its own; the peak is
that process's, without its decoding processes, which are the same for both. Results: memory.json.
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
from polyrec.pipeline.encoding import fill_feature_cache
from polyrec.config import read_config
from polyrec.compute.stopwatch import peak_memory_mb
counts = fill_feature_cache(read_config(Path(sys.argv[1]))).counts["image"]
print(counts["present"], peak_memory_mb())
"""
SIZES = (5_000, 50_000)


def main() -> None:
    peaks = {count: peak_of(count) for count in SIZES}
    small, large = peaks.values()
    save_results("memory", {"peak_mb": peaks, "ratio": round(large / small, 3), "goal": 1.2})


def peak_of(count: int) -> float:
    """Return the peak memory (MB) of encoding so many images."""
    with tempfile.TemporaryDirectory() as folder:
        config = write_catalogue(Path(folder), count)
        command = [sys.executable, "-c", ENCODE, str(config)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    present, peak = output.split()
    assert int(present) == count, output
    return round(float(peak), 1)


def write_catalogue(folder: Path, count: int) -> Path:
    """Write `count` small images, the tables and a config; return the config."""
    (folder / "images").mkdir()
    rows = ["item_id,image"]
    for item in range(count):
        colour = (item % 256, item // 256 % 256, 90)
        name = f"images/{item}.png"
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
