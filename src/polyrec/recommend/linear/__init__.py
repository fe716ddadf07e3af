"""Item-item weights: score = history @ weights."""
