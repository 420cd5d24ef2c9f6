"""DefinitionCatalog: the registered definitions, checked, compiled and ready to be followed."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property, lru_cache

from trellis_process.application.definitions import DefinitionRepository, DefinitionStatus
from trellis_process.application.listening import Listener
from trellis_process.definitions import expressions
from trellis_process.definitions.data_schema import DataSchema
from trellis_process.definitions.registry import CACHED, DefinitionRegistry, OpenCounts
from trellis_process.domain.course import Course
from trellis_process.domain.definition.process_definition import ProcessDefinition
from trellis_process.domain.engine.compiled import CompiledDefinition
from trellis_process.domain.engine.engine import Engine
from trellis_process.domain.limits import JsonValue
from trellis_process.domain.own_services import SCHEDULE
from trellis_process.errors import InvalidInput
from trellis_process.extras import from_extra


class DefinitionCatalog:
    """What there is to start processes of; safe to use from several threads.

    ``registry`` finds versions, says which is the newest, and retires them.
    """

    def __init__(
        self, repository: DefinitionRepository, *, count_open: OpenCounts | None = None
    ) -> None:
        self.registry = DefinitionRegistry(repository, count_open=count_open)
        self._engine = lru_cache(CACHED)(self._compiled)

    def register(
        self,
        definition: ProcessDefinition,
        *,
        strict: bool = False,
        known_services: Collection[str] | None = None,
    ) -> None:
        """Adds a version; the same one again is a no-op.

        With ``strict`` warnings are errors too; ``known_services`` are the only ones it may name.
        Raises InvalidDefinition with all that is wrong, InvalidInput for what is no definition,
        DefinitionConflict where the version is there with other content, TooLarge, and StoreError.
        """
        given: object = definition  # which may be text, whatever the signature says
        if not isinstance(given, ProcessDefinition):
            allowed = (
                "a ProcessDefinition is wanted; ProcessDefinition.from_yaml reads one from text"
            )
            raise InvalidInput("definition", given, allowed)
        with from_extra("definitions", "a definition"):
            from trellis_process.definitions.reading import examine_definition

        reading = examine_definition(definition, strict=strict, known_services=known_services)
        self.registry.add(reading.or_refused())

    def course(self, name: str, version: int) -> Course:
        """What orders the steps of a process of that type and version.

        A version ready to be followed, or what schedules go by. Raises DefinitionNotFound, and
        StoreError.
        """
        return self._schedule_course if name == SCHEDULE else self._engine(name, version)

    def engine(self, name: str, version: int) -> Engine:
        """A version ready to be followed. Raises DefinitionNotFound, and StoreError."""
        return self._engine(name, version)

    def listeners(self) -> list[Listener]:
        """Every version that knows events and is active or draining. Raises StoreError."""
        found = []
        for name in self.registry.all_names():
            versions = self.registry.versions(name)
            for version, status in versions.statuses.items():
                if status is DefinitionStatus.ARCHIVED:
                    continue
                engine = self._engine(name, version)
                if engine.compiled.definition.events:
                    found.append(Listener(engine, version == versions.newest))
        return found

    def to_start(self, name: str, version: int | None) -> Engine:
        """The version that a new process follows: the highest active one unless one is named.

        Raises DefinitionNotFound, DefinitionDraining, and StoreError.
        """
        definition = self.registry.to_start(name, version)
        return self._engine(definition.process, definition.version)

    def check_input(self, definition: ProcessDefinition, value: JsonValue) -> dict[str, JsonValue]:
        """What a process is started with, its defaults filled in.

        Raises InvalidInput for what is not as the definition declares.
        """
        from trellis_process.definitions.input_schema import check_input, schema_of

        checked: dict[str, JsonValue] = check_input(schema_of(definition.inputs), value)
        return checked

    @cached_property
    def _schedule_course(self) -> Course:
        with from_extra("definitions", "a schedule"):
            from trellis_process.definitions.calendar import Calendar
        from trellis_process.domain.schedule.course import ScheduleCourse

        return ScheduleCourse(Calendar())

    def _compiled(self, name: str, version: int) -> Engine:
        # A version never changes, so it is compiled once in the life of a program.
        definition = self.registry.get(name, version)
        return Engine(CompiledDefinition(definition, expressions, DataSchema(definition.data)))
