"""Say why an item is recommended: what each item of the history gives to its score.

| module | for |
|---|---|
| additive | linear item-item models: exact, each part split into behaviour and modalities |
| leave_one_out | any other model: how the score falls without one item of the history |
"""

from polyrec.explain.reasons import explain

__all__ = ["explain"]
