"""What `Benchmarks/run` measures, and what it shares with `Benchmarks/lab`."""
