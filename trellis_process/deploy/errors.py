"""What goes wrong while bundling or deploying."""

from __future__ import annotations


class DeployError(Exception):
    """The bundle or the stack could not be made; the message says what to do."""
