"""Evaluate a bundle: on valid and test, and with modalities missing or knocked out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from polyrec.artifact.bundle import Bundle
from polyrec.artifact.part_state import part_settings
from polyrec.config import make_part
from polyrec.contracts import Recommender
from polyrec.errors import ConfigError
from polyrec.evaluate.leakage_checks import check_fitted_parts, check_split
from polyrec.evaluate.next_item import evaluate_split
from polyrec.evaluate.protocols import Evaluation, protocol_metrics
from polyrec.evaluate.robustness import EvalSetting, Row, evaluate_knockout, evaluate_missing
from polyrec.pipeline.assemble import build_part
from polyrec.types import FUSED, Progress, Views, silent


def evaluate_bundle(
    bundle: Bundle,
    metrics: Sequence[str],
    *,
    protocol: str | None = None,
    progress: Progress = silent,
) -> dict[str, Evaluation]:
    """Return the metrics of a bundle on valid (where there is one) and on test.

    `protocol` is the bundle's own, or compat. Leaks raise `DataError` or `FitError`.
    """
    own = bundle.config.evaluate.protocol
    if protocol not in (None, own, "compat"):
        remedy = f"its split is that of {own}: run again with evaluate.protocol={protocol}"
        raise ConfigError("the bundle has another split", received=protocol, remedy=remedy)
    check_split(bundle.behaviour, bundle.config)
    check_fitted_parts(bundle.parts.all_parts, bundle.behaviour)
    names = protocol_metrics(protocol or own, metrics)
    model = bundle.parts.recommender
    evaluations = {}
    for step, split in enumerate(("valid", "test")):
        progress("evaluate", step, 2)
        target = bundle.behaviour[split]
        if len(target) or split == "test":
            evaluations[split] = evaluate_split(
                model, bundle.behaviour, split, names, protocol=protocol or own, views=bundle.views
            )
    progress("evaluate", 2, 2)
    return evaluations


def evaluate_robustness(
    bundle: Bundle, protocol: str, metrics: Sequence[str], *, progress: Progress = silent
) -> list[Row]:
    """Return the metrics of a bundle's settings with modalities missing or knocked out.

    `protocol` is "missing" or "knockout" (`evaluate.robustness`). Fuser and recommender are fitted
    anew on the content that is left.
    """
    config, behaviour = bundle.config, bundle.behaviour
    if config.evaluate.protocol == "next_item":
        remedy = "run again with evaluate.protocol=compat"
        raise ConfigError(f"{protocol} ranks a list per user", received="next_item", remedy=remedy)
    recommender_class = type(bundle.parts.recommender)
    settings = part_settings(bundle.parts.recommender)
    fits = count()

    def refit(views: Views) -> Recommender:
        progress(f"fit ({protocol})", next(fits), 0)
        fuser = build_part("fuse", config.fuse, config).fit(views, behaviour["train"])
        fused = {FUSED: fuser.fuse(views)} if views else {}
        model = make_part(recommender_class, settings, where="recommend")
        return model.fit(behaviour["train"], {**views, **fused}, valid=behaviour["valid"])

    setting = EvalSetting(behaviour["train"], behaviour["test"], metrics, bundle.views)
    protocols = {"missing": evaluate_missing, "knockout": evaluate_knockout}
    return protocols[protocol]({"bundle": refit}, bundle.views, setting, seed=config.seed)
