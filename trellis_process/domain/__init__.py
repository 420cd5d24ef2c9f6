"""Nouns and rules: pure Python, told the time, calling nothing."""
