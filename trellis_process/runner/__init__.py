"""A whole Trellis inside one program: processes, those who do their work, and the time.

Begin at ``Runner``. It needs ``trellis-process[definitions]`` and no cloud; processes are in memory
unless a ``Store`` says otherwise, and the time is the real one unless a ``ManualClock`` is given.
"""

from trellis_process.runner.runner import NoHandler, Runner
from trellis_process.runner.store import Store

__all__ = ["NoHandler", "Runner", "Store"]
