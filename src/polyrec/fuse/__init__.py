"""Join the views of an item into one vector.

| fuser | what it does |
|---|---|
| concat | puts the views side by side |
| mean | averages views of one width, with weights |
"""

from polyrec.registry import lazy

PARTS = {
    "concat": "polyrec.fuse.concat:Concat",
    "mean": "polyrec.fuse.mean:WeightedMean",
}
__getattr__ = lazy(__name__, PARTS)
