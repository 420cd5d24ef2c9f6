"""The clock that tests move, and when it begins."""

from trellis_process.application.manual_clock import START, ManualClock

__all__ = ["START", "ManualClock"]
