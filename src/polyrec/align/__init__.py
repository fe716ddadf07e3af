"""Bring the modalities into one space or form.

| aligner | what it does |
|---|---|
| none | leaves the views as they are |
| whiten | centres each view and gives it unit covariance (PCA with a ridge) |
| cca | projects every view onto the directions it shares with the others |
"""

from polyrec.registry import lazy

PARTS = {
    "none": "polyrec.align.none:NoAlignment",
    "whiten": "polyrec.align.whiten:Whiten",
    "cca": "polyrec.align.cca:CCA",
}
__getattr__ = lazy(__name__, PARTS)
