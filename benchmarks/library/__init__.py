"""What benchmarks share: results files, timing, data sets, an HTTP load, servers."""
