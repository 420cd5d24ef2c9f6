"""Keys: which process of a definition a key names, where one may follow another.

The first process of a key has an id made of it, so that starting it twice meets itself. Where
another may follow once it has finished, the first one counts them, which makes the ids of the
others: it is counted before the next one is started, so that two who start it at once start one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from trellis_process.application import start_request
from trellis_process.application.clock import Clock
from trellis_process.application.repositories import ProcessRepository, StaleProcess
from trellis_process.domain.limits import check_aggregate_id, check_name
from trellis_process.domain.process import Process, ProcessKey
from trellis_process.errors import Conflict, InvalidInput, KeyTaken, NotFound, ProcessNotFound

OnDuplicate: TypeAlias = Literal["return_existing", "reject", "new_if_finished"]
"""What becomes of a start whose key names a process already."""


@dataclass(frozen=True)
class Key:
    """A key among those of a tenant and a definition. Raises InvalidInput."""

    tenant_id: str
    definition: str
    text: str

    def __post_init__(self) -> None:
        check_name("tenant_id", self.tenant_id)
        check_name("definition", self.definition)
        check_aggregate_id("key", self.text)

    def process_key(self, generation: int = 0) -> ProcessKey:
        """The process that it names after so many others."""
        # No key has a line break, so no other key means the same.
        text = f"{self.text}\n{generation}" if generation else self.text
        process_id = start_request.process_id_for(self.tenant_id, text, definition=self.definition)
        return ProcessKey(self.tenant_id, process_id)


class Keys:
    """The processes that keys name. Every method may raise StoreError."""

    def __init__(self, processes: ProcessRepository) -> None:
        self._processes = processes

    def start(
        self,
        key: Key,
        on_duplicate: OnDuplicate,
        begin: Callable[[ProcessKey], Process],
        *,
        now: Clock,
    ) -> Process:
        """The process of a key: the one that ``begin`` starts, or the one that was there.

        ``begin`` starts the process of that key and returns it, also where it was there already.
        A start that cannot be made now returns what one like it made before. Raises KeyTaken, and
        what ``begin`` raises.
        """
        found = key.process_key()
        try:
            process = begin(found)
            if process.was_there:
                found, later = self.after(key, process)
                process = later or begin(found)
                process.was_there |= later is not None
        except (InvalidInput, NotFound, Conflict):
            found, before = self.latest(key)
            if before is None:
                raise
            process = before
            process.was_there = True
        if not process.was_there or on_duplicate == "return_existing":
            return process
        if on_duplicate == "reject":
            raise KeyTaken(key.text, process.process_id)
        if not process.state.is_final:
            return process
        return begin(self.next(key, found, now()))

    def latest(self, key: Key) -> tuple[ProcessKey, Process | None]:
        """Which process a key names by now, and that process, if it was started."""
        first = self._processes.get(key.process_key())
        return self.after(key, first)

    def after(self, key: Key, first: Process | None) -> tuple[ProcessKey, Process | None]:
        """As ``latest``, where the first process was read already."""
        if first is None or first.generation == 0:
            return key.process_key(), first
        latest = key.process_key(first.generation)
        return latest, self._processes.get(latest)

    def next(self, key: Key, finished: ProcessKey, now: datetime) -> ProcessKey:
        """Which process follows one that has finished, or was removed since.

        The same one for all who ask about the same. Raises ProcessNotFound.
        """
        while True:
            first = self._processes.get(key.process_key())
            if first is None:
                raise ProcessNotFound(key.process_key().process_id)
            if key.process_key(first.generation) != finished:
                return key.process_key(first.generation)
            first.count_another(now=now)
            try:
                self._processes.save(first)
            except StaleProcess:
                continue
            return key.process_key(first.generation)
