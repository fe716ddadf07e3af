"""The HTML pages of runs, comparisons and alignment, and their charts."""
