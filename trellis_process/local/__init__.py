"""Trellis on one machine: a local cloud, the real stack deployed into it, signed calls."""
