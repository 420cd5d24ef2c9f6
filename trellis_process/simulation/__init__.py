"""Simulation: what a definition does with given answers and times, without a store and a cloud.

Begin at ``simulate``, and at ``run_cases`` for what only reacts. ``trellis simulate`` and
``trellis test`` are these on the command line; ``docs/simulating.md`` and ``docs/reactions.md``
have examples. Needs the extra ``trellis-process[definitions]``.
"""

from trellis_process.simulation.answer import Answer
from trellis_process.simulation.case import CaseResult
from trellis_process.simulation.case_file import run_cases
from trellis_process.simulation.command import Command
from trellis_process.simulation.entry import Entry
from trellis_process.simulation.scenario import Scenario
from trellis_process.simulation.simulation import Asked, Simulation, Waiting
from trellis_process.simulation.walk import START, simulate

__all__ = [
    "START",
    "Answer",
    "Asked",
    "CaseResult",
    "Command",
    "Entry",
    "Scenario",
    "Simulation",
    "Waiting",
    "run_cases",
    "simulate",
]
