"""What the results of a batch look like, as models for the OpenAPI document."""

from __future__ import annotations

from pydantic import BaseModel, Field, RootModel

from trellis_process.http.documents import Process
from trellis_process.http.problem_documents import BatchProblem

_STATUS = "The HTTP status that the command alone would have had."


class CommandDone(BaseModel):
    """A command that was carried out, or was true already."""

    status: int = Field(ge=200, le=299, description=_STATUS)
    process_id: str = Field(description="The process that it changed or started.")
    process: Process | None = Field(
        None,
        description="The process as it is then. Left out where the answer would get too large "
        "with it: more than 3 MB.",
    )


class CommandRefused(BaseModel):
    """A command that was refused or could not be carried out."""

    status: int = Field(ge=400, le=599, description=_STATUS)
    problem: BatchProblem


class BatchResult(RootModel[CommandDone | CommandRefused]):
    """What became of one command of a batch. Only one that was refused has a `problem`."""


class BatchResults(BaseModel):
    """The results of a batch, one for each command, in their order."""

    results: list[BatchResult]
