"""The verdict: whether every process is where its history says, and everything that was promised.

It knows nothing of the domain's rules for deciding; it compares what the services were told, the
events that arrived, and what the tracker says in the end, each with the others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.proof.replay import as_replayed, replayed
from tests.soak.journeys import Command
from tests.soak.ledger import Became, Entry, Record
from trellis_process.representation import process_from_json

Event = dict[str, Any]

#: What a service may be refused for; anything else is a finding.
EXPECTED_REFUSALS = {
    "attempt_unknown",
    "process_finished",
    "resumption_unknown",
    "step_finished",
    "step_not_started",
}
#: Which event a command has to have led to, where an event says that the command caused it.
_LEADS_TO = {
    "start_process": {"ProcessStarted", "StepStarted"},
    "start": {"StepStarted"},
    "complete": {"StepCompleted", "ProcessCompleted"},
    "fail": {"StepFailed", "StepAttemptFailed", "StepStarted"},
    "suspend": {"StepSuspended", "StepResumed"},
    "resume": {"StepResumed"},
    "cancel": {"ProcessCancelled"},
}
_BY_THE_CHECKER = {"ProcessStepTimedOut", "StepStarted", "StepFailed", "ProcessFailed"}


@dataclass
class Verdict:
    """What was found, and what was counted on the way."""

    findings: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    #: Seconds from a deadline to the change that it caused.
    lateness_s: list[float] = field(default_factory=list)
    #: Events by their name, each once.
    events: Counter[str] = field(default_factory=Counter)
    #: Processes by the state they ended in.
    states: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Evidence:
    """What a soak leaves to be judged."""

    records: list[Record]
    #: The events in the order of their arrival.
    heard: list[Event]
    #: The processes by id, as the API gives them in the end.
    stored: dict[str, dict[str, Any]]
    #: How often a command lay among those that were refused, by its name.
    refused_in_queue: Counter[str]
    #: A time before which whatever was due has been looked at.
    swept_at: datetime


def judge(evidence: Evidence) -> Verdict:
    """Compares everything with everything."""
    records, stored = evidence.records, evidence.stored
    verdict = Verdict()
    histories = _histories(evidence.heard, verdict)
    known = set()
    for record in records:
        if record.process_id is None:
            if record.start.became is not Became.UNKNOWN:
                verdict.findings.append(f"{record.journey.aggregate_id}: its start was refused")
            continue
        known.add(record.process_id)
        history = histories.get(record.process_id, [])
        one = _Case(record, history, evidence.refused_in_queue, verdict)
        one.judge(stored.get(record.process_id), evidence.swept_at)
    starts_unknown = {
        record.journey.aggregate_id for record in records if record.start.became is Became.UNKNOWN
    }
    for process_id, process in stored.items():
        if process_id not in known and process["aggregate_id"] not in starts_unknown:
            verdict.findings.append(f"{process_id}: nobody started it")
    for process_id in histories.keys() - stored.keys():
        verdict.findings.append(f"{process_id}: has events and is not there")
    return verdict


def _histories(heard: Iterable[Event], verdict: Verdict) -> dict[str, list[Event]]:
    """The events of each process, each once, in the order of its changes."""
    once: dict[str, Event] = {}
    newest: dict[str, tuple[int, int]] = {}
    for event in heard:
        verdict.counts["arrived"] += 1
        first = once.setdefault(event["id"], event)
        if first is not event:
            verdict.counts["doubles"] += 1
            if first != event:
                verdict.findings.append(f"{event['id']}: a double that says something else")
            continue
        if _place(event) < newest.get(event["process_id"], (0, 0)):
            verdict.counts["overtaken"] += 1
        newest[event["process_id"]] = max(_place(event), newest.get(event["process_id"], (0, 0)))
        verdict.events[event["type"]] += 1
    histories: dict[str, list[Event]] = defaultdict(list)
    for event in once.values():
        histories[event["process_id"]].append(event)
    for history in histories.values():
        history.sort(key=_place)
    return histories


def _place(event: Event) -> tuple[int, int]:
    return event["version"], int(event["id"].rsplit("/", 1)[1])


class _Case:
    """One process: what was asked, what arrived, what is stored."""

    def __init__(
        self,
        record: Record,
        history: list[Event],
        refused_in_queue: Counter[str],
        verdict: Verdict,
    ) -> None:
        self.record = record
        self.stored: dict[str, Any] = {}
        self.history = history
        self.refused_in_queue = refused_in_queue
        self.verdict = verdict
        self.entries = {entry.command.name: entry for entry in (record.start, *record.entries)}
        self.has_heartbeats = any(e.command.verb == "heartbeat" for e in record.entries)

    def judge(self, stored: dict[str, Any] | None, swept_at: datetime) -> None:
        if stored is None:
            self._find("was started, and is not there")
            return
        self.verdict.states[stored["state"]] += 1
        if not self._is_whole():
            return  # a replay over a gap says nothing more
        if stored["version"] < (self.history[-1]["version"] if self.history else 1):
            self._find("is stored as it was before its last event")
        self.stored = stored
        self._stands_as_told(stored, "in the end")
        last_seen = 0
        for entry in (self.record.start, *self.record.entries):
            if entry.seen is None:
                continue
            if not last_seen <= entry.seen["version"] <= stored["version"]:
                self._find(f"went back from version {last_seen} at {entry.command.name}")
            last_seen = entry.seen["version"]
            self._stands_as_told(entry.seen, f"when {entry.command.name} was answered")
            if entry.became is Became.ACCEPTED and (missing := _effect_missing(entry)):
                self._find(f"{entry.command.name} was accepted, but {missing}")
        self._causes()
        self._deadlines()
        for due in _open_deadlines(stored):
            if due < swept_at:
                self._find(f"is overdue since {due.isoformat()}")

    def _find(self, what: str) -> None:
        self.verdict.findings.append(f"{self.record.process_id}: {what}")

    def _is_whole(self) -> bool:
        """Whether the events have no gap, as a consumer would see it."""
        before = version = 0
        expected: Iterator[tuple[int, int]] = iter(())
        for event in self.history:
            if event["version"] != version:
                if (missing := next(expected, None)) is not None:
                    self._find(f"the event {missing} is missing")
                    return False
                if event["previous_version"] != before:
                    self._find(f"events are missing between {before} and {event['version']}")
                    return False
                version = before = event["version"]
                expected = iter([(version, n) for n in range(1, event["event_count"] + 1)])
            if next(expected, None) != _place(event):
                self._find(f"an event is missing before {event['id']}")
                return False
        if not self.history or next(expected, None) is not None:
            self._find("its last events are missing")
            return False
        return True

    def _stands_as_told(self, seen: dict[str, Any], when: str) -> None:
        """What the tracker answered is what the events up to that version say."""
        told = replayed(e for e in self.history if e["version"] <= seen["version"])
        shown = as_replayed(process_from_json(seen))
        if told["state"] == "completed":
            told["reason"] = (
                None  # why it was, the event says; a process keeps why it did not end well
            )
        early = {step["name"] for step in seen["steps"] if step.get("resumed_early")}
        for name, step in shown["steps"].items():
            # Neither travels in events: how far heartbeats moved a deadline, and what came early.
            for field_name, is_told in (
                ("due_at", not self.has_heartbeats),
                ("resume_data", name not in early),
            ):
                if not is_told:
                    step.pop(field_name)
                    told["steps"][name].pop(field_name)
        if shown != told:
            self._find(f"{when} it stood otherwise than its events say: {_difference(told, shown)}")

    def _causes(self) -> None:
        """Each change has one cause that could have been, and each command at most one change."""
        versions: dict[str, set[int]] = defaultdict(set)
        for event in self.history:
            reason = event.get("reason")
            if event["type"] == "ProcessFailed" and reason in ("timeout", "step_failed"):
                continue
            if reason is None:
                if event["type"] not in _BY_THE_CHECKER:
                    self._find(f"nobody asked for {event['id']}, {event['type']}")
                continue
            entry = self.entries.get(reason)
            if entry is None or event["type"] not in _LEADS_TO[entry.command.verb]:
                self._find(f"{event['type']} is told to come of {reason!r}")
                continue
            versions[reason].add(event["version"])
        for name, entry in self.entries.items():
            changes = versions[name]
            if len(changes) > 1:
                self._find(f"{name} was done more than once, as {sorted(changes)}")
            if changes and not entry.may_be_done:
                self._find(f"{name} was refused ({entry.code}), and done as {sorted(changes)}")
            if entry.code is not None and entry.code not in EXPECTED_REFUSALS:
                self._find(f"{name} was refused as {entry.code}")
            if entry.became is Became.QUEUED:
                of_it = "done" if changes else "refused" if self.refused_in_queue[name] else "no-op"
                self.verdict.counts[f"queued, {of_it}"] += 1
                if of_it == "no-op" and not self._was_true_already(entry, versions):
                    self._find(f"{name} was taken by the queue, and neither done nor refused")
            if entry.became is Became.UNKNOWN:
                self.verdict.counts["unknown, done" if changes else "unknown, not done"] += 1

    def _was_true_already(self, entry: Entry, versions: dict[str, set[int]]) -> bool:
        """Whether a command that changed nothing may have found everything as it asks for."""
        command = entry.command
        same = (
            name
            for name, other in self.entries.items()
            if (other.command.verb, other.command.step) == (command.verb, command.step)
        )
        if any(versions[name] for name in same):
            return True  # said twice, and done once
        if command.verb in ("start", "suspend", "heartbeat") and _has_ended(self.stored, command):
            return True  # overtaken by the end of its attempt, as docs/commands.md has it
        in_the_end = Entry(command, Became.QUEUED, seen=self.stored)
        return _effect_missing(in_the_end) is None

    def _deadlines(self) -> None:
        """Nothing times out early, or twice; and how late it does."""
        due: dict[tuple[str, int], datetime] = {}
        moved = self._deadlines_seen()
        fired: set[tuple[str, int]] = set()
        process_due: datetime | None = None
        for event in self.history:
            at = _time(event["time"])
            if event["type"] == "ProcessStarted":
                process_due = _time_or_none(event.get("due_at"))
            elif event["type"] in ("StepStarted", "StepResumed", "StepSuspended"):
                key = (event["step_name"], event["attempt"])
                if "due_at" in event:
                    due[key] = _time(event["due_at"])
                else:
                    due.pop(key, None)
            elif event["type"] == "ProcessStepTimedOut":
                key = (event["step_name"], event["attempt"])
                if key in fired:
                    self._find(f"attempt {key} timed out twice")
                fired.add(key)
                if key not in due:
                    self._find(f"attempt {key} timed out without a deadline")
                    continue
                earlier = [d for v, d in moved[key] if v < event["version"]]
                self._fired(at, max([due[key], *earlier]), event["id"])
            elif event["type"] == "ProcessFailed" and event.get("reason") == "timeout":
                # A reopened process has its time anew, which no event tells.
                if process_due is None:
                    self._find("ran past a deadline that it has not")
                elif not any(e["type"] == "ProcessFailed" for e in self._before(event)):
                    self._fired(at, process_due, event["id"])

    def _fired(self, at: datetime, due: datetime, event_id: str) -> None:
        late = (at - due).total_seconds()
        if late < 0:
            self._find(f"{event_id} came {-late:.3f} s before its deadline")
        self.verdict.lateness_s.append(late)

    def _deadlines_seen(self) -> dict[tuple[str, int], list[tuple[int, datetime]]]:
        """Deadlines of attempts under way as answers showed them: heartbeats move these."""
        seen: dict[tuple[str, int], list[tuple[int, datetime]]] = defaultdict(list)
        for entry in self.record.entries:
            if entry.seen is None or entry.command.verb != "heartbeat":
                continue
            for step in entry.seen["steps"]:
                if step["state"] == "in_progress" and "due_at" in step:
                    place = (step["name"], step["attempt"])
                    seen[place].append((entry.seen["version"], _time(step["due_at"])))
        return seen

    def _before(self, event: Event) -> list[Event]:
        return [each for each in self.history if _place(each) < _place(event)]


def _effect_missing(entry: Entry) -> str | None:
    """What the answer to an accepted command does not show, though it must; None if it does."""
    assert entry.seen is not None
    command, process = entry.command, entry.seen
    step = next((s for s in process["steps"] if s["name"] == command.step), None)
    if step is None:
        is_missing = command.verb == "cancel" and process["state"] != "cancelled"
        return "the process is not cancelled" if is_missing else None
    attempt = int(command.said.get("attempt", 1))
    # Given up with its process, which was opened again: this attempt is over, the next to come.
    is_given_up = step["state"] == "pending" and step["attempt"] >= attempt
    is_shown = {
        "complete": step["state"] == "completed",
        "start": step["attempt"] >= attempt,
        "heartbeat": step["attempt"] >= attempt,
        "fail": step["state"] == "failed"
        or step["attempt"] > attempt
        or "waits_for" in step
        or is_given_up,
        "suspend": step["attempt"] > attempt or "waits_for" in step or "resumption" in step,
        "resume": step.get("resumption", 0) + step.get("resumed_early", False) >= 1,
    }[command.verb]
    return None if is_shown else f"step {command.step} stands as {step}"


def _has_ended(process: dict[str, Any], command: Command) -> bool:
    step = next(each for each in process["steps"] if each["name"] == command.step)
    attempt = int(command.said.get("attempt", 1))
    return step["state"] in ("completed", "failed") and attempt <= step["attempt"]


def _difference(told: dict[str, Any], shown: dict[str, Any]) -> str:
    parts = [
        f"{name}: {shown[name]!r}, events say {told.get(name)!r}"
        for name in shown
        if name != "steps" and shown[name] != told.get(name)
    ]
    for name, step in shown["steps"].items():
        of_events = told["steps"].get(name, {})
        parts += [
            f"{name}.{part}: {step[part]!r}, events say {of_events.get(part)!r}"
            for part in step
            if step[part] != of_events.get(part)
        ]
    return "; ".join(parts)


def _open_deadlines(process: dict[str, Any]) -> list[datetime]:
    return [_time(each["due_at"]) for each in (process, *process["steps"]) if "due_at" in each]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _time_or_none(text: str | None) -> datetime | None:
    return None if text is None else _time(text)
