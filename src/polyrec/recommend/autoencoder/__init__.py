"""Autoencoders of histories."""
