"""Further texts of items by a language model: summaries, tags, themes, audience, titles.

fields       what a model may write about an item, and how its answer is cleaned
enrichment   the texts of a catalogue in a file: resumed, each item sent once
"""
