"""The leaderboard: every model and its peers from other packages on every data set.

| module | what it has |
|---|---|
| `__main__` | the command: which cells to fit, in which order, within which budget |
| `cells` | a cell (a model on a data set), its settings, the peers |
| `fit` | fits one cell with one seed, in a process of its own |
| `search` | tunes one cell, in a process of its own |
| `table` | the results as Markdown and SVG |
| `implicit_peers`, `cornac_peers` | models of other packages as recommenders |
"""
