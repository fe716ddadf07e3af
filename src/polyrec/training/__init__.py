"""Train torch modules: the loop, checkpoints, early stopping, objectives, sparse products."""
