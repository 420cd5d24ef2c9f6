"""Simulation: what a definition does with given answers and times, without a store and a cloud.

Begin at ``simulate``. ``trellis simulate`` is this on the command line, and ``docs/simulating.md``
has examples. Needs the extra ``trellis-process[definitions]``.
"""

from trellis_process.simulation.answer import Answer
from trellis_process.simulation.command import Command
from trellis_process.simulation.entry import Entry
from trellis_process.simulation.scenario import Scenario
from trellis_process.simulation.simulation import Asked, Simulation, Waiting
from trellis_process.simulation.walk import START, simulate

__all__ = [
    "START",
    "Answer",
    "Asked",
    "Command",
    "Entry",
    "Scenario",
    "Simulation",
    "Waiting",
    "simulate",
]
