"""Decode and clean text, images, sounds and videos; whatever can't be read is a `MediaError`."""
