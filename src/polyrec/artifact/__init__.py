"""What lasts as files: bundles, learned state, feature packs, the feature cache."""

from typing import TYPE_CHECKING

from polyrec.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from polyrec.artifact.bundle import Bundle as Bundle
    from polyrec.artifact.bundle_registry import BundleRegistry as BundleRegistry
    from polyrec.artifact.feature_cache import FeatureCache as FeatureCache
    from polyrec.artifact.feature_pack import read_pack as read_pack
    from polyrec.artifact.feature_pack import write_pack as write_pack
    from polyrec.artifact.parts import Parts as Parts
else:
    __all__, __getattr__, __dir__ = lazy_exports(__name__)
