"""The history read in order."""
