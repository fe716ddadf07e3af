"""Measure rankings honestly and report what was seen."""
