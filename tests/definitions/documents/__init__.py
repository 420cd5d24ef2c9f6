"""Definitions as people write them, read by several tests."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
DOCUMENTS = sorted(FOLDER.glob("*.yaml"))
