"""Where work runs: devices, batches, worker threads, decoding processes, and what it costs."""
