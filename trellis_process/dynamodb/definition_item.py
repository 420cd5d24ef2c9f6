"""Definitions as items: one for each version, one with the statuses, one for the name.

They stand in the table of the processes. No hash key of a process begins like theirs, because a
tenant's name begins with a letter or digit.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping

from trellis_process.application.definitions import DefinitionStatus, DefinitionVersions
from trellis_process.dynamodb.schema import Item
from trellis_process.dynamodb.size import ITEM_LIMIT, item_size
from trellis_process.errors import Described, TooLarge

NAMES = "#definitions"  # the hash key of all names; the range key is the name
STATUSES = "versions"  # the range key of the item with the statuses

PLAIN_BYTES = 2_048  # content up to so many bytes stays legible; two units of a write at most
MAX_CONTENT_BYTES = 4_000_000  # before it is compressed; more could not be read in a function
MAX_ITEM_BYTES = 350 * 1024
MAX_NAMES_PAGE = 1_000


def hash_key(name: str) -> str:
    """Where all items of a definition stand, but for its name in the list of names."""
    return f"#definition#{name}"


def range_key(version: int) -> str:
    """The range key of a version's content."""
    return f"version#{version:010d}"


def content_to_item(name: str, version: int, content: str) -> Item:
    """The item of a version's content. Raises TooLarge."""
    encoded = content.encode()
    if len(encoded) > MAX_CONTENT_BYTES:
        raise _too_large(name, version, len(encoded), f"allowed are {MAX_CONTENT_BYTES}")
    item: Item = {
        "pk": {"S": hash_key(name)},
        "sk": {"S": range_key(version)},
        "v": {"N": "1"},
    }
    if len(encoded) <= PLAIN_BYTES:
        item["content"] = {"S": content}
        return item
    compressed = zlib.compress(encoded, 9)
    item["packed"] = {"B": compressed}
    size = item_size({name: value for name, value in item.items() if name != "packed"})
    if size + len(compressed) > MAX_ITEM_BYTES:
        allowed = f"allowed are {MAX_ITEM_BYTES} compressed, and it has {len(compressed)}"
        raise _too_large(name, version, len(encoded), allowed)
    return item


def content_from_item(item: Item) -> str:
    """The content that an item holds."""
    if "content" in item:
        return str(item["content"]["S"])
    return zlib.decompress(item["packed"]["B"]).decode()


def statuses_to_item(
    name: str, statuses: Mapping[int, DefinitionStatus], changes_before: int
) -> Item:
    """The item with the statuses, as the change after so many makes it. Raises TooLarge."""
    by_status = {
        status.value: [version for version in sorted(statuses) if statuses[version] is status]
        for status in DefinitionStatus
    }
    item: Item = {
        "pk": {"S": hash_key(name)},
        "sk": {"S": STATUSES},
        "v": {"N": str(changes_before + 1)},
        "statuses": {
            "S": json.dumps(
                {status: versions for status, versions in by_status.items() if versions},
                separators=(",", ":"),
            )
        },
    }
    if item_size(item) > ITEM_LIMIT:
        raise TooLarge(
            "definition",
            Described(f"{len(statuses)} versions of {name!r}"),
            "allowed are so many that their numbers fit into 400 KB",
        )
    return item


def statuses_from_item(name: str, item: Item) -> tuple[DefinitionVersions, int]:
    """The versions with their statuses, and how many changes made them so."""
    statuses = {
        version: DefinitionStatus(status)
        for status, versions in json.loads(item["statuses"]["S"]).items()
        for version in versions
    }
    return DefinitionVersions(name, dict(sorted(statuses.items()))), int(item["v"]["N"])


def name_to_item(name: str) -> Item:
    """The item by which a definition is in the list of names."""
    return {"pk": {"S": NAMES}, "sk": {"S": name}, "v": {"N": "1"}}


def _too_large(name: str, version: int, size: int, allowed: str) -> TooLarge:
    return TooLarge(
        "definition",
        Described(f"version {version} of {name!r} in {size} bytes"),
        f"{allowed}; make it several definitions, one the subprocess of another",
    )
