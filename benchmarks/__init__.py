"""Benchmarks: what Trellis asks for, takes and costs, beside what it is compared with."""
