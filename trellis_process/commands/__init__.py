"""Commands as data: read strictly and run on a ProcessService, whichever way they came.

Begin at ``command.py``. ``run(read_command(value), service, actor=…)`` is what a message of the
queue, an event of the bus and an entry of a batch over HTTP all come to.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trellis_process.commands.command import COMMANDS, Command, read_command
    from trellis_process.commands.message import Message, read_message
    from trellis_process.commands.running import MakeEngine, is_overtaken, run

__all__ = [
    "COMMANDS",
    "Command",
    "MakeEngine",
    "Message",
    "is_overtaken",
    "read_command",
    "read_message",
    "run",
]

_HOMES = {
    "COMMANDS": "command",
    "Command": "command",
    "MakeEngine": "running",
    "Message": "message",
    "is_overtaken": "running",
    "read_command": "command",
    "read_message": "message",
    "run": "running",
}


def __getattr__(name: str) -> Any:
    """Loads what is asked for, because the HTTP API needs only bodies until a batch comes."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
