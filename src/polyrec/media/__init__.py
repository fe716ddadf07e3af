"""Decode and clean text, images, sounds and videos; what can't be read raises `MediaError`."""
