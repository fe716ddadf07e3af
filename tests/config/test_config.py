import dataclasses
from pathlib import Path

import pytest
import yaml

from polyrec import config
from polyrec.errors import ConfigError
from polyrec.recommend.linear.ease import EASE


def write(folder: Path, tree: object) -> Path:
    path = folder / "run.yaml"
    path.write_text(tree if isinstance(tree, str) else yaml.safe_dump(tree), encoding="utf-8")
    return path


MINIMAL = {"data": {"path": "movies"}}


def test_defaults_are_enough_beside_a_path(tmp_path: Path) -> None:
    read = config.read_config(write(tmp_path, MINIMAL))
    assert read.data.path == tmp_path / "movies"
    assert read.recommend.use == "multimodal_linear"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeed": 1}, "unknown key: received 'seeed'; did you mean 'seed'?"),
        (
            {"data": {"path": "x", "txt": "a"}},
            "unknown key: received 'data.txt'; did you mean 'text'?",
        ),
        (
            {"data": {"path": "x", "split": {"use": "randm"}}},
            "data.split.use is not valid: received 'randm'",
        ),
        ({"seed": "many"}, "seed is not valid: received 'many'"),
        ({"data": {}}, "data.path is required"),
        ({"data": {"pth": "x"}}, "unknown key: received 'data.pth'; did you mean 'path'?"),
        ({"encode": {"text": {"seed": 3}}}, "encode.text.use is required"),
        ({"data": {"path": "x", "split": {"test": 2}}}, "data.split.test is not valid: received 2"),
    ],
)
def test_an_error_names_the_key_and_a_remedy(tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.read_config(write(tmp_path, MINIMAL | change))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not valid YAML"),
        ("- 1", "a config must be a mapping"),
        ("", "a config must be a mapping"),
    ],
)
def test_invalid_config_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config.read_config(write(tmp_path, text))


def test_a_missing_config_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such config"):
        config.read_config(tmp_path / "none.yaml")


def test_yaml_makes_no_objects(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not valid YAML"):
        config.read_config(write(tmp_path, "data: !!python/object/apply:os.system ['true']"))


def test_overrides_reach_any_depth_and_keep_their_types(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    read = config.read_config(
        path, overrides=["seed=3", "data.split.use=random", "recommend.l2=1.5"]
    )
    assert (read.seed, read.data.split.use) == (3, "random")
    assert read.recommend.settings == {"l2": 1.5}


def test_another_part_drops_the_settings_of_the_one_before(tmp_path: Path) -> None:
    tree = MINIMAL | {"recommend": {"use": "item_knn", "shrink": 3}}
    overrides = ["recommend.l2=5", "recommend.use=ease"]
    assert config.read_config(write(tmp_path, tree), overrides=overrides).recommend.settings == {
        "l2": 5
    }


@pytest.mark.parametrize("text", ["seed", "=3", "data.path.deep=1", "seed=[1"])
def test_invalid_overrides_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        config.read_config(write(tmp_path, MINIMAL), overrides=[text])


def test_variables_come_from_the_environment_or_their_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERE", "/somewhere")
    monkeypatch.delenv("THERE", raising=False)
    tree = {"data": {"path": "${HERE}/x", "text": ["${THERE:-plot}"]}}
    read = config.read_config(write(tmp_path, tree))
    assert read.data.path == Path("/somewhere/x")
    assert read.data.text == ("plot",)


def test_a_variable_without_value_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="an environment variable is not set: received 'NOWHERE_SET'"
    ):
        config.read_config(write(tmp_path, {"data": {"path": "${NOWHERE_SET}"}}))


def test_presets_set_weights_and_the_config_overrides_them(tmp_path: Path) -> None:
    tree = {"preset": "shop", "data": {"path": "x", "kinds": {"view": 0.5}}}
    weights = config.read_config(write(tmp_path, tree)).weights
    assert (weights["view"], weights["like"], weights["purchase"]) == (0.5, 2, 4)


def test_settings_of_a_part_are_checked_against_its_fields() -> None:
    assert config.make_part(EASE, {"l2": 3}, where="recommend").l2 == 3.0
    with pytest.raises(
        ConfigError, match="recommend: unknown setting: received 'l3'; did you mean 'l2'"
    ):
        config.make_part(EASE, {"l3": 3}, where="recommend")
    with pytest.raises(ConfigError, match=r"recommend\.l2 is not valid: received 'much'"):
        config.make_part(EASE, {"l2": "much"}, where="recommend")


def test_learned_attributes_are_no_settings() -> None:
    learned = {f.name for f in dataclasses.fields(EASE) if not f.init}
    assert learned >= {"weights_", "popularity_"}
    assert all(name.endswith("_") or name.startswith("_") for name in learned)
    with pytest.raises(ConfigError):
        config.make_part(EASE, {"weights_": 1}, where="recommend")


def test_a_protocol_decides_the_split(tmp_path: Path) -> None:
    def of(protocol: str, **split: object) -> config.SplitConfig:
        tree = {"data": {"path": "x", "split": split}, "evaluate": {"protocol": protocol}}
        return config.read_config(write(tmp_path, tree)).data.split

    assert of("global_time").use == "global_time"
    assert of("leave_one_out", use="leave_one_out").use == "leave_one_out"
    assert of("global_time", use="given").use == "given"
    assert of("compat", use="new_items").test == 0.1
    assert (of("new_items").use, of("new_items").test) == ("new_items", 0.2)
    assert of("new_items", test=0.3).test == 0.3
    for protocol, use in (("global_time", "random"), ("new_items", "given")):
        with pytest.raises(ConfigError, match=f"received 'protocol {protocol}, split {use}'"):
            of(protocol, use=use)


def test_a_config_read_again_keeps_its_split(tmp_path: Path) -> None:
    tree = {"data": {"path": "x"}, "evaluate": {"protocol": "new_items"}}
    once = config.read_config(write(tmp_path, tree))
    assert config.parse_config(once.model_dump(mode="json"), folder=tmp_path) == once
