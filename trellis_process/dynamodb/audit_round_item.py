"""The round of the audit as an item: how far it has come, beside the processes in the table."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta

from trellis_process.application.audit_round import Round
from trellis_process.domain.time import from_ms, to_ms
from trellis_process.dynamodb.schema import Item

#: No tenant is called that: a name begins with a letter or digit.
HASH_KEY = "#audit"
RANGE_KEY = "audit"


def round_to_item(audit_round: Round) -> Item:
    """The item of a round as the version that keeping it makes. It has no events."""
    covered_at = audit_round.lookups_covered_at
    values = {
        "began_at": to_ms(audit_round.began_at),
        "covers_lookups": audit_round.covers_lookups,
        "lookups_covered_at": None if covered_at is None else to_ms(covered_at),
        "cursor": audit_round.cursor,
        "is_complete": audit_round.is_complete,
        "states": audit_round.states,
        "open_versions": audit_round.open_versions,
        "counted": audit_round.counted,
        "faults": audit_round.faults,
        "repaired": audit_round.repaired,
        "unrepaired": audit_round.unrepaired,
        "oldest_overdue_ms": audit_round.oldest_overdue // timedelta(milliseconds=1),
    }
    return {
        "pk": {"S": HASH_KEY},
        "sk": {"S": RANGE_KEY},
        "v": {"N": str(audit_round.version + 1)},
        "round": {"S": json.dumps(values, separators=(",", ":"))},
    }


def round_from_item(item: Item) -> Round:
    """The round that an item holds."""
    values = json.loads(item["round"]["S"])
    covered_at = values["lookups_covered_at"]
    return Round(
        began_at=from_ms(values["began_at"]),
        covers_lookups=values["covers_lookups"],
        lookups_covered_at=None if covered_at is None else from_ms(covered_at),
        cursor=values["cursor"],
        is_complete=values["is_complete"],
        version=int(item["v"]["N"]),
        states=Counter(values["states"]),
        open_versions=Counter(values.get("open_versions", {})),
        counted=values.get("counted"),
        faults=Counter(values["faults"]),
        repaired=values["repaired"],
        unrepaired=values["unrepaired"],
        oldest_overdue=timedelta(milliseconds=values["oldest_overdue_ms"]),
    )
