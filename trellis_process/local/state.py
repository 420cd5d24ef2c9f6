"""What MiniStack keeps between two runs, where that needs mending before the next one."""

from __future__ import annotations

import json
from pathlib import Path


def forget_stream_positions(state_dir: Path) -> None:
    """Let functions on a table's stream begin at the start of what the next run writes.

    MiniStack keeps how far each function has read a stream, but not the stream. In the next run,
    where positions count from zero again, as many changes would pass unseen as the last run had.
    """
    path = state_dir / "lambda.json"
    if not path.exists():
        return
    state = json.loads(path.read_text())
    if state["payload"].pop("dynamodb_stream_positions", None):
        path.write_text(json.dumps(state))
