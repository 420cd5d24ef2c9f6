"""Commands as data: read strictly and run on a ProcessService, whichever way they came.

Begin at ``command.py``. ``run(read_command(value), service, actor=…)`` is what a message of the
queue, an event of the bus and an entry of a batch over HTTP all come to.
"""

from trellis_process.commands.command import COMMANDS, Command, read_command
from trellis_process.commands.message import Message, read_message
from trellis_process.commands.running import is_overtaken, run

__all__ = [
    "COMMANDS",
    "Command",
    "Message",
    "is_overtaken",
    "read_command",
    "read_message",
    "run",
]
