"""What Benchmarks/ike/compare is made of."""
