"""What lasts as files: bundles, learned state, feature packs, the feature cache."""
