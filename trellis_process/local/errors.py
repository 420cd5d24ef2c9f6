"""What goes wrong with the local cloud itself."""

from __future__ import annotations


class LocalCloudError(Exception):
    """The local cloud could not be installed, started or used; the message says what to do."""
