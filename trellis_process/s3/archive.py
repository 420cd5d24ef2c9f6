"""The archive: what finished, put into a bucket before the table forgets it."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from trellis_process.domain.process import Process
from trellis_process.errors import StoreUnavailable
from trellis_process.s3.archive_object import ArchiveObject, archive_objects

CONNECTIONS = 16  # a batch with many tenants is many small objects


class S3Client(Protocol):
    """The part of botocore's S3 client that is used here."""

    def put_object(self, **request: Any) -> Any:
        """Puts an object in the place of any that has its key."""


class Archive:
    """Keeps finished processes as objects of a bucket, under keys that begin with ``prefix``.

    ``prefix`` ends with a slash, or is empty.
    """

    def __init__(self, client: S3Client, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def keep(self, processes: Iterable[Process]) -> int:
        """Puts these processes, which are final, into the bucket; returns as how many objects.

        The same processes again overwrite the same objects. Raises StoreUnavailable where S3 did
        not take them all; some may be there then, and all can be kept again.
        """
        objects = archive_objects(processes)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            # The first that fails ends it: what S3 does not take now it takes no better later on.
            return sum(pool.map(self._put, objects))

    def _put(self, kept: ArchiveObject) -> int:
        key = self._prefix + kept.name
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=kept.body, ContentType="application/gzip"
            )
        except (BotoCoreError, ClientError) as error:
            raise StoreUnavailable(
                f"S3 did not take {key}: {error}", may_have_happened=True
            ) from error
        return 1
