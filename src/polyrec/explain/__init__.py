"""Explain scores: what each item of the history contributes, exactly or by leaving it out."""

from polyrec.explain.reasons import explain

__all__ = ["explain"]
