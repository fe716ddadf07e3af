"""What the pages say is true: their configs are configs, their links lead somewhere."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from polyrec.config import parse_config

ROOT = Path(__file__).parents[1]
CONFIGS = sorted([*ROOT.glob("benchmarks/*.yaml"), *ROOT.glob("benchmarks/blends/*.yaml")])
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def found_in_pages(pattern: str) -> list[tuple[Path, str]]:
    found = [
        (page, part)
        for page in PAGES
        for part in re.findall(pattern, page.read_text(encoding="utf-8"), re.DOTALL)
    ]
    assert len(found) > 5
    return found


def test_links_lead_to_files_that_are_there() -> None:
    links = [link for link in found_in_pages(r"\]\(([^)#]+)\)") if "://" not in link[1]]
    assert len(links) > 20
    lost = [
        f"{page.name}: {target}" for page, target in links if not (page.parent / target).exists()
    ]
    assert lost == []


@pytest.mark.parametrize(
    "block",
    [pytest.param(block, id=page.name) for page, block in found_in_pages(r"```yaml\n(.*?)```")],
)
def test_configs_shown_are_configs(block: str) -> None:
    parse_config(yaml.safe_load(block), folder=ROOT)


def test_python_shown_is_python() -> None:
    for page in PAGES:
        for block in re.findall(
            r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
        ):
            compile(block, page.name, "exec")


def test_the_page_of_parts_is_made_from_the_classes() -> None:
    pytest.importorskip("torch", reason="extra torch is not installed")
    spec = importlib.util.spec_from_file_location("parts_page", ROOT / "docs/parts_page.py")
    parts_page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(parts_page)
    made = parts_page.page()
    assert (ROOT / "docs/parts.md").read_text() == made, "run python docs/parts_page.py"


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.parent.name} {c.stem}")
def test_benchmark_configs_are_configs(config: Path) -> None:
    from polyrec.config import read_config

    assert read_config(config).data.path.name == config.stem


def test_layers_shown_are_those_that_are_checked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c.get("containers") == ["polyrec"])
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    shown = page.partition("## Layers")[2].partition("## ")[0]
    assert [line.strip() for line in shown.splitlines() if line.startswith("    ")] == layers


def test_benchmarks_are_listed() -> None:
    listed = (ROOT / "benchmarks/__init__.py").read_text(encoding="utf-8")
    modules = [
        path.relative_to(ROOT / "benchmarks").with_suffix("")
        for path in ROOT.glob("benchmarks/*/*.py")
        if "def main(" in path.read_text(encoding="utf-8")
    ]
    assert len(modules) > 20
    for module in modules:
        assert f"| {'.'.join(module.parts)} |" in listed, module
