"""Evaluate rankings: metrics, protocols, comparisons of runs, reports."""

from typing import TYPE_CHECKING

from polyrec.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from polyrec.evaluate.compare import Comparison as Comparison
    from polyrec.evaluate.compare import read_run as read_run
    from polyrec.evaluate.metrics import Metric as Metric
    from polyrec.evaluate.next_item import evaluate_next_item as evaluate_next_item
    from polyrec.evaluate.next_item import evaluate_split as evaluate_split
    from polyrec.evaluate.protocols import Evaluation as Evaluation
    from polyrec.evaluate.protocols import evaluate_top_k as evaluate_top_k
    from polyrec.evaluate.report import Report as Report
else:
    __all__, __getattr__, __dir__ = lazy_exports(__name__)
