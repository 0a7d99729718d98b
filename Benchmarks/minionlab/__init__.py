"""What `Benchmarks/lab` runs: machines in network namespaces with limited links."""
