"""An object of the archive: the processes of one tenant that ended on one day, as JSON lines.

``docs/archive.md`` says who reads them, and how.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from trellis_process.domain.process import Process
from trellis_process.representation import process_as_json


@dataclass(frozen=True)
class ArchiveObject:
    """What is put into the bucket, and under which name."""

    name: str
    body: bytes


def archive_objects(processes: Iterable[Process]) -> list[ArchiveObject]:
    """These processes, which are final, as objects: one for each tenant and day of an end, in UTC.

    A name is taken from the lines that it stands for, so the same lines have the same name, and no
    object is ever overwritten by one that holds less.
    """
    lines: dict[str, list[bytes]] = {}
    for process in processes:
        lines.setdefault(_folder(process), []).append(_line(process))
    return [_object(folder, each) for folder, each in lines.items()]


def _folder(process: Process) -> str:
    if process.ended_at is None:
        raise ValueError(f"process {process.process_id!r} is {process.state}, and not final")
    # As tools that know Hive's folders write a value: a colon, which a tenant may have, is %3A.
    return f"dt={process.ended_at:%Y-%m-%d}/tenant={quote(process.tenant_id, safe='')}"


def _line(process: Process) -> bytes:
    text = json.dumps(process_as_json(process), ensure_ascii=False, separators=(",", ":"))
    return text.encode() + b"\n"


def _object(folder: str, lines: list[bytes]) -> ArchiveObject:
    content = b"".join(lines)
    digest = hashlib.sha256(content).hexdigest()[:32]
    # Without a time in its header, or the same lines would not be the same bytes.
    return ArchiveObject(f"{folder}/{digest}.jsonl.gz", gzip.compress(content, mtime=0))
