"""Where work runs and what it costs: devices, batches, threads, decoding processes, stopwatch."""
