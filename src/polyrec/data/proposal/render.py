"""Write a proposal as a commented YAML file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from polyrec.data.proposal.content import DataProposal

_COMMENT = 44  # the column where comments start


def render_config(proposal: DataProposal, folder: Path, home: Path) -> str:
    """Return the text of a config in the folder `home`, for data in `folder`."""
    data = dict(proposal.data)
    path = Path(os.path.relpath(folder.resolve(), home.resolve())).as_posix()
    if path != "." or "interactions" not in data:
        data = {"path": path, **data}
    lines = ["# proposed by polyrec init; docs/data.md and docs/config.md explain the keys"]
    lines += [f"# check: {check}" for check in proposal.checks]
    lines.append("data:")
    for key, value in data.items():
        lines += _entry(key, value, proposal.evidence, indent=2)
    if proposal.columns:
        lines += _entry("columns", proposal.columns, proposal.evidence, indent=2)
    return "\n".join([*lines, "cache: .polyrec/features.sqlite", ""])


def _entry(
    key: str, value: Any, evidence: Mapping[str, str], *, indent: int, within: str = ""
) -> Iterator[str]:
    """Yield the lines of a key, with its evidence as a comment."""
    comment = evidence.get(within + key, "")
    margin = " " * indent
    if isinstance(value, dict):
        yield _with_comment(f"{margin}{_scalar(key)}:", comment)
        for name, inner in value.items():
            yield from _entry(name, inner, evidence, indent=indent + 2, within=f"{key}.")
        return
    yield _with_comment(f"{margin}{_scalar(key)}: {_scalar(value)}", comment)


def _with_comment(line: str, comment: str) -> str:
    return f"{line:<{_COMMENT}} # {' '.join(comment.split())}" if comment else line


def _scalar(value: object) -> str:
    """Return a value in YAML's flow style.

    >>> _scalar(["a: b", "007"]), _scalar("no")
    ("['a: b', '007']", "'no'")
    """
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
