"""One file format per reader."""
