"""Every part has its settings by name, as scikit-learn expects them."""

import pytest
from sklearn.base import clone

from polyrec.artifact.part_state import part_settings
from polyrec.contracts import BasePart
from polyrec.errors import ConfigError, ExtraError
from polyrec.registry import ROOMS, find_class, registered_parts

PARTS = [(room, name) for room in ("data", *ROOMS) for name in sorted(registered_parts(room))]


@pytest.fixture(params=PARTS, ids=".".join)
def part(request: pytest.FixtureRequest) -> BasePart:
    try:
        return find_class(*request.param)()
    except ExtraError as error:
        pytest.skip(str(error))


def test_a_clone_has_the_same_settings_and_learned_nothing(part: BasePart) -> None:
    part.learned_ = 1
    copy = clone(part)
    assert copy == part
    assert copy is not part
    assert copy.get_params() == part.get_params() == part_settings(part)
    assert not hasattr(copy, "learned_")


def test_settings_are_set_by_name_and_unknown_ones_refused(part: BasePart) -> None:
    assert part.set_params(**part.get_params(deep=False)) is part
    assert part == type(part)()
    with pytest.raises(ConfigError, match="unknown setting: received 'colour'"):
        part.set_params(colour="red")


def test_a_refused_setting_changes_nothing() -> None:
    blend = find_class("recommend", "blend")()
    with pytest.raises(ConfigError, match="a blend needs members"):
        blend.set_params(seed=3, members=[])
    assert blend == find_class("recommend", "blend")()
