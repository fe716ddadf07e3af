"""Propose a config for a folder of files: what each column is, with the evidence."""
