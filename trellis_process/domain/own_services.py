"""What Trellis itself names: services for steps that ask none of their own, and schedules."""

from __future__ import annotations

QUERY_SERVICE = "trellis.query"  # does the work of ``query`` steps
LLM_INTENT_SERVICE = "trellis.llm_intent"  # does the work of ``llm_intent`` steps
SOURCE = "trellis"  # of its events on the bus
SCHEDULE = "trellis.schedule"  # the type of the processes that are schedules
RUNS = "schedule:runs"  # the step of a schedule, which waits for the next time
