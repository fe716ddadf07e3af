"""What the pages say is true: their configs are configs, their links lead somewhere."""

import re
from pathlib import Path

import pytest
import yaml

from polyrec import registry
from polyrec.config import parse_config

ROOT = Path(__file__).parents[1]
CONFIGS = sorted([*ROOT.glob("benchmarks/*.yaml"), *ROOT.glob("benchmarks/blends/*.yaml")])
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_configs_shown_are_configs(page: Path) -> None:
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        parse_config(yaml.safe_load(block), folder=ROOT)


def test_python_shown_is_python() -> None:
    for page in PAGES:
        for block in re.findall(
            r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
        ):
            compile(block, page.name, "exec")


def test_every_part_is_on_the_page_of_parts() -> None:
    page = (ROOT / "docs/config.md").read_text(encoding="utf-8")
    for room in ("encode", "align", "fuse", "recommend"):
        for name in registry.registered_parts(room):
            assert f"`{name}`" in page, f"{room} {name}"


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.parent.name} {c.stem}")
def test_benchmark_configs_are_configs(config: Path) -> None:
    from polyrec.config import read_config

    assert read_config(config).data.path.name == config.stem
