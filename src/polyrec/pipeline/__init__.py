"""From data to a bundle with its reports.

assemble.py       the parts that a config names
default_encoders.py  those of contents for which a config names none
encoding.py       content to views, or into the feature cache
fitting.py        aligner, fuser, settings, recommender: a bundle
evaluation.py     the metrics of a bundle
report_files.py   report, quarantine list, alignment page
run.py            all of it
run_config.py     the config of a run
checks.py         the data and the alignment alone
"""

from typing import TYPE_CHECKING

from polyrec.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from polyrec.pipeline.checks import check_data as check_data
    from polyrec.pipeline.checks import report_alignment as report_alignment
    from polyrec.pipeline.encoding import encode_dataset as encode_dataset
    from polyrec.pipeline.encoding import fill_feature_cache as fill_feature_cache
    from polyrec.pipeline.evaluation import evaluate_bundle as evaluate_bundle
    from polyrec.pipeline.evaluation import evaluate_robustness as evaluate_robustness
else:
    __all__, __getattr__, __dir__ = lazy_exports(__name__)
