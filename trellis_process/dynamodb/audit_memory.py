"""What an audit remembers of the entries of an index: eight bytes each, and no more than fit."""

from __future__ import annotations

import os
from collections import defaultdict
from hashlib import blake2b

LIMIT = 10_000_000  # entries, which take about 80 MB
_DIGEST_BYTES = 8
_BUCKET_BYTES = 2  # of a digest; the others stand in the bucket, 150 to one that is full


class EntrySet:
    """Entries that were seen. Of ten million, one that was not is taken for one in 10^12 times.

    The digests are salted, so that what was mistaken in one run is not in the next.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._room = limit
        self._salt = os.urandom(blake2b.SALT_SIZE)
        self._buckets: defaultdict[bytes, bytearray] = defaultdict(bytearray)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def is_full(self) -> bool:
        """Whether what is added now is not remembered."""
        return self._count >= self._room

    def add(self, *entry: str) -> None:
        """Remembers an entry, by all that it says, if there is room."""
        if not self.is_full:
            digest = self._digest(entry)
            self._buckets[digest[:_BUCKET_BYTES]] += digest[_BUCKET_BYTES:]
            self._count += 1

    def __contains__(self, entry: tuple[str, ...]) -> bool:
        digest = self._digest(entry)
        bucket, wanted = self._buckets.get(digest[:_BUCKET_BYTES], b""), digest[_BUCKET_BYTES:]
        found = bucket.find(wanted)
        while found % len(wanted) and found >= 0:  # half of one digest and half of the next
            found = bucket.find(wanted, found + 1)
        return found >= 0

    def _digest(self, entry: tuple[str, ...]) -> bytes:
        text = "\0".join(entry).encode()
        return blake2b(text, digest_size=_DIGEST_BYTES, salt=self._salt).digest()
