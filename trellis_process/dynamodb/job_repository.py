"""Jobs on DynamoDB, beside the processes in their table."""

from __future__ import annotations

from itertools import islice

from pynamodb.expressions.operand import Path

from trellis_process.application.jobs import Job, JobListing, JobPage
from trellis_process.application.paging import cursor_after, job_position_of
from trellis_process.dynamodb import job_item, schema
from trellis_process.dynamodb.schema import Item
from trellis_process.dynamodb.table import ConditionFailed, Table


class DynamoDBJobRepository:
    """A JobRepository on the table of the processes.

    Every read is one strongly consistent request, every write one conditional one; a page of a
    tenant's jobs is one read of the listing index, and one of the jobs. A job and its results leave
    the table 90 days after it was asked for, by DynamoDB's TTL.
    """

    def __init__(self, table: Table) -> None:
        self.table = table

    def add(self, job: Job) -> bool:
        """As JobRepository.add."""
        return self._put(job_item.job_to_item(job), job.version)

    def save(self, job: Job) -> bool:
        """As JobRepository.save."""
        return self._put(job_item.job_to_item(job), job.version)

    def get(self, tenant_id: str, job_id: str) -> Job | None:
        """As JobRepository.get."""
        item = self.table.get(job_item.hash_key(tenant_id, job_id), job_item.JOB)
        return None if item is None else job_item.job_from_item(item)

    def list(self, tenant_id: str, *, limit: int, cursor: str | None) -> JobListing:
        """As JobRepository.list."""
        before = job_position_of(cursor)
        entries = self.table.query(
            schema.LISTING_INDEX,
            job_item.listing_key(tenant_id),
            None if before is None else Path("listed") < before,
            newest_first=True,
            page_size=limit + 1,
        )
        found = list(islice(entries, limit + 1))
        keys = [entry["pk"]["S"] for entry in found[:limit]]
        items = self.table.get_many(keys, job_item.JOB)
        more = cursor_after(found[limit - 1]["listed"]["S"]) if len(found) > limit else None
        return JobListing(
            [job_item.job_from_item(items[key]) for key in keys if key in items], more
        )

    def put_page(self, job: Job, page: JobPage) -> bool:
        """As JobRepository.put_page."""
        return self._put(job_item.page_to_item(job, page), page.version)

    def page(self, tenant_id: str, job_id: str, number: int) -> JobPage | None:
        """As JobRepository.page."""
        item = self.table.get(job_item.hash_key(tenant_id, job_id), job_item.range_key(number))
        return None if item is None else job_item.page_from_item(item)

    def _put(self, item: Item, version: int) -> bool:
        try:
            self.table.put(item, expected_version=version)
        except ConditionFailed:
            # Our own write, made by a try whose answer was lost: then it is done.
            return self.table.get(item["pk"]["S"], item["sk"]["S"]) == item
        return True
