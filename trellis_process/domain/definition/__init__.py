"""Definitions: kinds of processes described as data, and what their fields mean."""
