"""Ranges: what a number in the description of a workload may be."""

from __future__ import annotations

from trellis_process.errors import InvalidInput


def check_range(field: str, given: float, least: float, most: float) -> None:
    """Raises InvalidInput for a number that is less than ``least`` or more than ``most``."""
    if not least <= given <= most:
        raise InvalidInput(field, given, f"allowed are {least:g} to {most:,.15g}")
