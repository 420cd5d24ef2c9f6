"""Examples for the OpenAPI document: one journey, as its requests and answers show it."""

from __future__ import annotations

from typing import Any

_PROCESS_ID = "3f0c8e5e-8f0b-4d5c-9b56-6f6f1e9b7a10"

#: An example of each operation's body.
BODIES: dict[str, dict[str, Any]] = {
    "start_process": {
        "process_type": "ReferralNotification",
        "aggregate_type": "Referral",
        "aggregate_id": "ref-123",
        "steps": [
            {"name": "send_email", "timeout_ms": 30_000, "retries_permitted": 2},
            {"name": "send_in_app"},
        ],
        "metadata": {"priority": "high"},
        "timeout_ms": 86_400_000,
    },
    "cancel_process": {"reason": "the referral was withdrawn"},
    "start_step": {"attempt": 1},
    "complete_step": {"attempt": 1, "output": {"message_id": "m-1"}},
    "fail_step": {"attempt": 1, "error": "the mailbox does not exist"},
    "suspend_step": {"attempt": 1, "resumption": 0, "timeout_ms": 604_800_000},
    "resume_step": {"resumption": 1, "data": {"approved": True}},
    "heartbeat": {"attempt": 1},
    "run_batch": {
        "commands": [
            {
                "command": "CompleteStep",
                "process_id": _PROCESS_ID,
                "step_name": "send_email",
                "attempt": 1,
                "output": {"message_id": "m-1"},
            },
            {"command": "CancelProcess", "process_id": "3c1f", "reason": "withdrawn"},
        ]
    },
}

PROCESS: dict[str, Any] = {
    "tenant_id": "clinic-7",
    "process_id": _PROCESS_ID,
    "process_type": "ReferralNotification",
    "aggregate_type": "Referral",
    "aggregate_id": "ref-123",
    "state": "in_progress",
    "version": 3,
    "started_at": "2026-11-02T09:00:00.000Z",
    "changed_at": "2026-11-02T09:00:12.480Z",
    "due_at": "2026-11-03T09:00:00.000Z",
    "timeout_ms": 86_400_000,
    "metadata": {"priority": "high"},
    "steps": [
        {
            "name": "send_email",
            "state": "completed",
            "attempt": 1,
            "retries_permitted": 2,
            "timeout_ms": 30_000,
            "started_at": "2026-11-02T09:00:11.020Z",
            "ended_at": "2026-11-02T09:00:12.480Z",
            "output": {"message_id": "m-1"},
            "reported_by": "arn:aws:sts::123456789012:assumed-role/mailer/mailer",
        },
        {"name": "send_in_app", "state": "pending", "attempt": 0, "retries_permitted": 0},
    ],
}

PAGE: dict[str, Any] = {"processes": [PROCESS], "cursor": "UmVmZXJyYWxOb3RpZmljYXRpb24"}

RESULTS: dict[str, Any] = {
    "results": [
        {"status": 200, "process_id": _PROCESS_ID, "process": PROCESS},
        {
            "status": 404,
            "problem": {
                "type": "urn:trellis:problem:process_not_found",
                "title": "There is no such process",
                "status": 404,
                "detail": "no process '3c1f' in this tenant",
                "code": "process_not_found",
            },
        },
    ]
}
