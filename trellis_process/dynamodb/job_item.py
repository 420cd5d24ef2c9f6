"""Jobs as items: one for the job, one for each piece of its results.

They stand in the table of the processes under their tenant's keys. Their range keys are none of a
process's, and none of their attributes is what the stream's readers look for. A tenant's jobs have
a part of the listing index to themselves.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from trellis_process.application.job_states import JobOutcome
from trellis_process.application.jobs import Job, JobPage, JobResult, job_as_json, job_from_json
from trellis_process.application.paging import job_position
from trellis_process.domain.process import ProcessKey
from trellis_process.domain.time import to_ms
from trellis_process.dynamodb import schema
from trellis_process.dynamodb.item_json import to_json, with_tail, without_tail
from trellis_process.dynamodb.schema import Item

JOB = "job"  # the range key of the job itself
KEPT = timedelta(days=90)  # since it was asked for; time to look at what became of each

_OF_THE_STORE = ("cursor", "pages")
_TAIL: list[Any] = [None] * 8  # of a result, what it may not have


def hash_key(tenant_id: str, job_id: str) -> str:
    """The tenant comes first, as with a process, so that a policy binds both to it."""
    return schema.hash_key(ProcessKey(tenant_id, job_id))


def range_key(number: int) -> str:
    """The range key of a page."""
    return f"results#{number:06d}"


def listing_key(tenant_id: str) -> str:
    """Where the listing index holds a tenant's jobs; no state of a process is called so."""
    return f"{tenant_id}#jobs"


def job_to_item(job: Job) -> Item:
    """The item of a job as the version that saving it makes."""
    said = job_as_json(job) | {name: getattr(job, name) for name in _OF_THE_STORE}
    item = _item(job, JOB, job.version, "job", said)
    # Both stay as they are, so that the index is written once, when the job is asked for.
    item["listing"] = {"S": listing_key(job.tenant_id)}
    item["listed"] = {"S": job_position(to_ms(job.created_at), job.job_id)}
    return item


def job_from_item(item: Item) -> Job:
    """The job that an item holds."""
    said = json.loads(item["job"]["S"])
    return replace(
        job_from_json(said),
        version=int(item["v"]["N"]),
        **{name: said[name] for name in _OF_THE_STORE},
    )


def page_to_item(job: Job, page: JobPage) -> Item:
    """The item of a page as the version that storing it makes."""
    said = {
        "looked_at": page.looked_at,
        "cursor": page.cursor,
        "results": [_row(result) for result in page.results],
    }
    return _item(job, range_key(page.number), page.version, "results", said)


def page_from_item(item: Item) -> JobPage:
    """The page that an item holds."""
    said = json.loads(item["results"]["S"])
    return JobPage(
        number=int(item["sk"]["S"].rpartition("#")[2]),
        results=tuple(_result(row) for row in said["results"]),
        looked_at=said["looked_at"],
        cursor=said["cursor"],
        version=int(item["v"]["N"]),
    )


def _item(job: Job, sk: str, version: int, name: str, said: dict[str, Any]) -> Item:
    return {
        "pk": {"S": hash_key(job.tenant_id, job.job_id)},
        "sk": {"S": sk},
        "v": {"N": str(version + 1)},
        name: {"S": to_json(said)},
        "expires_at": {"N": str(to_ms(job.created_at + KEPT) // 1000)},  # TTL counts seconds
    }


def _row(result: JobResult) -> list[Any]:
    row = [
        result.process_id,
        None if result.outcome is None else result.outcome.value,
        result.version,
        result.state,
        result.step_name,
        result.mark,
        list(result.events) or None,
        result.code,
        result.message,
    ]
    return without_tail(row, _TAIL)


def _result(row: list[Any]) -> JobResult:
    process_id, outcome, version, state, step_name, mark, events, code, message = with_tail(
        row, 1 + len(_TAIL), _TAIL
    )
    return JobResult(
        process_id=process_id,
        outcome=None if outcome is None else JobOutcome(outcome),
        version=version,
        state=state,
        step_name=step_name,
        mark=mark,
        events=tuple(events or ()),
        code=code,
        message=message,
    )
