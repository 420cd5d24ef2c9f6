"""Verbs: what can be asked of Trellis, and the seams that a store fills."""
