"""What only the command line can fail with."""

from __future__ import annotations


class NoStack(Exception):
    """It is not said, or not rightly said, which stack is meant; the message says how to."""
