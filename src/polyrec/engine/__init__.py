"""Decide where work runs: batches, workers, memory."""
