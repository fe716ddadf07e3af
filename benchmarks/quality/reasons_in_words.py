"""Are reasons in words true, by templates and by a model that lies in a tenth of its answers?

python -m benchmarks.quality.reasons_in_words [--count 1000] [--out FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import Any

from benchmarks.library.lying_model import LyingModel, facts_of, is_true
from polyrec.generate.wording.reason import write_reason
from polyrec.generate.wording.templates import reason_from_template

ROOT = Path(__file__).parents[2]


async def measure(count: int, language: str) -> dict[str, Any]:
    """Return how many reasons are true, of templates, and of a lying model with the check."""
    pairs = facts_of(2 * count)[:count]
    templates = [is_true(reason_from_template(facts, language), e, language) for e, facts in pairs]
    started = time.perf_counter()
    reasons = [
        (e, await write_reason(facts, language, LyingModel(n)))
        for n, (e, facts) in enumerate(pairs)
    ]
    seconds = time.perf_counter() - started
    worded = [is_true(r.text, e, language) for e, r in reasons if r.source == "model"]
    return {
        "language": language,
        "reasons": len(pairs),
        "templates_true": sum(templates),
        "lies": len(range(0, len(pairs), 10)),
        "lies_accepted": sum(r.source == "model" for _, r in reasons[::10]),
        "worded_by_model": len(worded),
        "worded_by_model_true": sum(worded),
        "all_true": sum(is_true(r.text, e, language) for e, r in reasons),
        "milliseconds_each": round(1000 * seconds / len(pairs), 3),
    }


def main() -> None:
    """Measure both languages, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    out = ROOT / "benchmarks/results/reasons_in_words.json"
    parser.add_argument("--out", type=Path, default=out)
    args = parser.parse_args()
    rows = [asyncio.run(measure(args.count, language)) for language in ("en", "zh")]
    text = json.dumps(rows, indent=1)
    args.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
