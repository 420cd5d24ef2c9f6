"""A model that replies as it was told to, for tests and demonstrations."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from trellis_process.domain.limits import JsonValue
from trellis_process.intents.model import Question, Reply


class ScriptedModel:
    """A Model whose replies are written beforehand, by intent."""

    def __init__(self) -> None:
        #: What it was asked, in order.
        self.asked: list[Question] = []
        self._replies: dict[str, list[Any]] = {}

    def replies(
        self, intent: str, *replies: JsonValue | Reply | Exception | Callable[[Question], Any]
    ) -> None:
        """What it replies when that intent asks: these, one after another, the last for ever.

        A reply is JSON, or text where the question has no output schema; a ``Reply`` as it is; an
        exception that is raised instead; or a function of the Question that returns one of these.

        Raises ValueError where no reply is given.
        """
        if not replies:
            raise ValueError(f"say what the model replies to {intent!r}")
        self._replies[intent] = list(replies)

    def ask(self, question: Question) -> Reply:
        """As Model.ask. Raises LookupError for an intent that it has no reply to."""
        self.asked.append(question)
        if question.intent not in self._replies:
            known = ", ".join(sorted(self._replies)) or "none"
            raise LookupError(
                f"nobody said what to reply to {question.intent!r}; there are replies to {known}: "
                f"model.replies({question.intent!r}, …)"
            )
        left = self._replies[question.intent]
        return _as_reply(left.pop(0) if len(left) > 1 else left[0], question)


def _as_reply(told: Any, question: Question) -> Reply:
    if callable(told):
        told = told(question)
    if isinstance(told, Exception):
        raise told
    if isinstance(told, Reply):
        return told
    is_text = question.output_schema is None and isinstance(told, str)
    return Reply(text=told if is_text else json.dumps(told), model="scripted")
