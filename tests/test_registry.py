import sys
from importlib.metadata import EntryPoint, metadata

import pytest

import polyrec
from polyrec import registry
from polyrec.errors import ConfigError, ExtraError
from polyrec.recommend.linear.ease import EASE

ROOMS = ("data", "encode", "align", "fuse", "recommend")


@pytest.mark.parametrize("room", ROOMS)
def test_every_part_of_a_room_is_found_and_named_back(room: str) -> None:
    for name in registry.registered_parts(room):
        assert registry.short_name(room, registry.find_class(room, name)()) == name


def test_an_unknown_part_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="received 'eese'; did you mean 'ease'"):
        registry.find_class("recommend", "eese")


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "polyrec.encode.text.minilm", raising=False)
    for module in ("text.text_model", "pretrained", "image.image_cnn"):
        monkeypatch.delitem(sys.modules, f"polyrec.encode.{module}", raising=False)
    for part, extra in (("minilm", "minilm"), ("text_model", "models"), ("image_cnn", "torch")):
        with pytest.raises(ExtraError, match=rf"pip install 'polyrec\[{extra}\]'"):
            registry.find_class("encode", part)


def test_the_extra_of_a_part_follows_from_its_imports() -> None:
    extras = {
        name: registry.required_extra(entry.module)
        for room in ROOMS
        for name, entry in registry.registered_parts(room).items()
    }
    assert set(extras.values()) <= {"", *metadata("polyrec").get_all("Provides-Extra")}
    for name, extra in (
        ("minilm", "minilm"), ("frames_model", "models"), ("video_lstm", "torch"), ("ease", ""),
        ("two_tower", "torch"), ("als", ""), ("gate", "torch"), ("mean", ""), ("folder", ""),
    ):  # fmt: skip
        assert extras[name] == extra, name


def test_a_broken_import_inside_polyrec_is_no_missing_package() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"polyrec\.no_such_module"):
        registry.load_object("polyrec.no_such_module:Part")


def test_former_names_still_work() -> None:
    assert registry.find_class("align", "none") is polyrec.align.Identity
    assert registry.find_class("data", "article") is polyrec.data.readers.CsvNpyReader


def test_a_plug_in_adds_a_part_but_replaces_none(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "polyrec.recommend.linear.ease:EASE"
    plug_ins = [EntryPoint(name, address, "polyrec.recommend") for name in ("mine", "popular")]
    monkeypatch.setattr(registry, "_plug_ins", lambda _: plug_ins)
    assert registry.find_class("recommend", "mine") is EASE
    assert registry.find_class("recommend", "popular") is polyrec.recommend.Popular


def test_a_plug_in_that_lacks_a_package_names_it() -> None:
    with pytest.raises(
        ExtraError, match=r"no_such_package:Part needs.*pip install no_such_package"
    ):
        registry.load_object("no_such_package:Part")


def test_an_object_from_elsewhere_is_no_part() -> None:
    with pytest.raises(ConfigError, match="not a registered part"):
        registry.short_name("recommend", object())


def test_classes_are_reached_through_their_room() -> None:
    assert polyrec.recommend.EASE is EASE
    with pytest.raises(AttributeError):
        _ = polyrec.recommend.Nonsense
    assert "EASE" in dir(polyrec.recommend)
    with pytest.raises(AttributeError):
        _ = polyrec.nonsense
