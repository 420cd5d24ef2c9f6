"""What a person is asked: the terms of a human task, while it is open."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class HumanTaskTerms:
    """Where a task is shown, whose it is, and what may come of it."""

    #: The form or page that shows it.
    surface: str
    #: Who may take it.
    assignee_role: str | None = None
    #: Whose it is: given from the start, or claimed; None for nobody's yet.
    assignee: str | None = None
    #: The outcomes to choose from, by name, each with its label.
    outcomes: tuple[tuple[str, str], ...] = ()
    #: The lower, the sooner: 0 to 9.
    priority: int = 5
