"""Write docs/parts.md: every registered part with its settings, read from its class.

python docs/parts_page.py
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from polyrec.contracts import GrowsItems, LinearInHistory, StopsOnValid, TrainsEndToEnd
from polyrec.registry import find_class, registered_parts, required_extra

PAGE = Path(__file__).with_name("parts.md")
ROOMS = {
    "data": "Readers: `data: {use: ...}`",
    "encode": "Encoders: `encode: {VIEW: {use: ...}}`",
    "align": "Aligners: `align: {use: ...}`",
    "fuse": "Fusers: `fuse: {use: ...}`",
    "recommend": "Recommenders: `recommend: {use: ...}`",
}
ABILITIES = {
    GrowsItems: "takes new items",
    LinearInHistory: "explained exactly",
    StopsOnValid: "stops on valid",
    TrainsEndToEnd: "can train end to end",
}
_HEAD = """# Parts

Made by `python docs/parts_page.py` from the classes. A setting stands with its default; where there
are choices, the default is the first. What a config leaves open of a recommender is chosen on
valid, over candidates that the model declares.
"""


def page() -> str:
    """Return the page of all registered parts."""
    sections = [_HEAD]
    for room, title in ROOMS.items():
        rows = "\n".join(_row(room, name) for name in sorted(registered_parts(room)))
        sections.append(f"## {title}\n\n| part | what it is | settings |\n|---|---|---|\n{rows}\n")
    return "\n".join(sections)


def _row(room: str, name: str) -> str:
    part = find_class(room, name)
    summary = (importlib.import_module(part.__module__).__doc__ or "").strip().splitlines()[0]
    example = part()
    able = [text for ability, text in ABILITIES.items() if isinstance(example, ability)]
    extra = required_extra(part.__module__)
    label = f"`{name}` (extra `{extra}`)" if extra else f"`{name}`"
    notes = f" *{', '.join(able)}*" if able else ""
    return f"| {label} | {summary}{notes} | {_settings(part, example)} |"


def _settings(part: type, example: Any) -> str:
    hints = get_type_hints(part)
    fields = [field.name for field in dataclasses.fields(part) if field.init]
    return ", ".join(
        f"{name} {_shown(getattr(example, name), hints[name])}".strip() for name in fields
    )


def _shown(default: Any, hint: Any) -> str:
    if get_origin(hint) in (Union, types.UnionType):
        hint = next((arg for arg in get_args(hint) if get_origin(arg) is Literal), hint)
    if get_origin(hint) is Literal:
        return " / ".join([str(default), *(str(c) for c in get_args(hint) if c != default)])
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, float):
        return f"{default:g}"
    return "" if default in (None, "", (), {}) else str(default).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
