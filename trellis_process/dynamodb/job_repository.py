"""Jobs on DynamoDB, beside the processes in their table."""

from __future__ import annotations

from trellis_process.application.jobs import Job, JobPage
from trellis_process.dynamodb import job_item
from trellis_process.dynamodb.schema import Item
from trellis_process.dynamodb.table import ConditionFailed, Table


class DynamoDBJobRepository:
    """A JobRepository on the table of the processes.

    Every read is one strongly consistent request, every write one conditional one. A job and its
    results leave the table 90 days after it was asked for, by DynamoDB's TTL.
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
