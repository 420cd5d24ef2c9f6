"""Examples for the OpenAPI document: one journey, as its requests and answers show it."""

from __future__ import annotations

from typing import Any

_PROCESS_ID = "3f0c8e5e-8f0b-4d5c-9b56-6f6f1e9b7a10"

_DOCUMENT = """\
process: expense_approval
version: 1
inputs: {report_id: string, amount: number}
steps:
  - {name: validate, service: Expenses.validate, timeout: 30s}
  - {name: pay, service: Payments.pay, timeout: 1m}
timeout: 30d
"""

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
    "start": {"key": "report-77", "input": {"report_id": "report-77", "amount": 1200}},
    "signal_by_key": {"key": "report-77", "signal": "paid", "signal_id": "bank-4711"},
    "signal": {"signal": "paid", "payload": {"receipt": "r-9"}, "signal_id": "bank-4711"},
    "suspend_process": {"reason": "the bank is closed"},
    "resume_process": {"reason": "the bank is open again"},
    "retry_step": {"reason": "the mailbox exists now"},
    "skip_step": {"output": {"payment_id": "by-hand-3"}, "reason": "paid by hand"},
    "rerun_from": {"reason": "the amount was wrong"},
    "claim_task": {"by": "maria"},
    "release_task": {"reason": "on holiday"},
    "reassign_task": {"to": "ben", "reason": "knows the case"},
    "register": {"document": _DOCUMENT},
    "set_definition_status": {"status": "draining"},
    "start_job": {
        "command": "CancelProcess",
        "filter": {"process_type": "expense_approval", "definition_version": 1},
        "dry_run": True,
        "reason": "the rates were wrong",
    },
    "put_schedule": {
        "definition": "nightly_report",
        "cron": "0 2 * * *",
        "time_zone": "Europe/London",
        "overlap": "queue",
        "input": {"region": "north"},
    },
    "pause_schedule": {"reason": "the books are being closed"},
    "resume_schedule": {"reason": "the books are closed"},
    "run_schedule": {"request_id": "monday-again"},
    "backfill_schedule": {"after": "2026-10-25T00:00:00Z", "until": "2026-11-01T00:00:00Z"},
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

REGISTERED: dict[str, Any] = {
    "name": "expense_approval",
    "version": 1,
    "status": "active",
    "warnings": [],
}

NAMES: dict[str, Any] = {"names": ["expense_approval", "onboarding"]}

VERSIONS: dict[str, Any] = {
    "name": "expense_approval",
    "newest": 2,
    "versions": [
        {"version": 1, "status": "draining", "open": 3},
        {"version": 2, "status": "active", "open": 41},
    ],
}

DEFINITION: dict[str, Any] = {
    "process": "expense_approval",
    "version": 1,
    "inputs": {"report_id": "string", "amount": "number"},
    "steps": [
        {"name": "validate", "service": "Expenses.validate", "timeout": "30s"},
        {"name": "pay", "service": "Payments.pay", "timeout": "1m"},
    ],
    "timeout": "30d",
}

DIFFERENCE: dict[str, Any] = {
    "name": "expense_approval",
    "from_version": 1,
    "to_version": 2,
    "changes": [
        {"path": "steps.pay.timeout", "change": "changed", "before": "1m", "after": "2m"},
        {"path": "steps.notify", "change": "added", "after": {"name": "notify", "kind": "send"}},
    ],
}

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

SCHEDULE: dict[str, Any] = {
    "tenant_id": "clinic-7",
    "name": "nightly",
    "state": "active",
    "terms": {
        "definition": "nightly_report",
        "cron": "0 2 * * *",
        "time_zone": "Europe/London",
        "catch_up": False,
        "overlap": "queue",
        "input": {"region": "north"},
        "declared": False,
    },
    "next_at": "2026-11-04T02:00:00.000Z",
    "open_runs": [
        {
            "process_id": "c-1f0c3a5e7b9d2846a0b1c2d3e4f506",
            "scheduled_at": "2026-11-02T02:00:00.000Z",
        }
    ],
    "queue": ["2026-11-03T02:00:00.000Z"],
    "backfills": [],
    "started": 31,
    "skipped": 0,
    "process_id": "5642fcb0-6abb-501b-9c9c-49656911028f",
    "created_at": "2026-10-01T08:00:00.000Z",
    "changed_at": "2026-11-03T02:00:12.480Z",
}

SCHEDULES: dict[str, Any] = {"schedules": [SCHEDULE], "cursor": "MDE3OTM2MTAwMDAwMDAjNTY0MmZj"}

UPCOMING: dict[str, Any] = {"times": ["2026-11-04T02:00:00.000Z", "2026-11-05T02:00:00.000Z"]}

JOB: dict[str, Any] = {
    "tenant_id": "clinic-7",
    "job_id": "0b6a4f7e-2f0a-4f0b-9a54-3f0c1f4a6d21",
    "command": "CancelProcess",
    "filter": {"process_type": "expense_approval", "definition_version": 1},
    "dry_run": True,
    "actor": "arn:aws:sts::123456789012:assumed-role/operator/maria",
    "reason": "the rates were wrong",
    "state": "running",
    "progress": {
        "looked_at": 150,
        "matched": 41,
        "done": 40,
        "unchanged": 0,
        "refused": 1,
        "failed": 0,
    },
    "created_at": "2026-11-02T09:00:00.000Z",
    "changed_at": "2026-11-02T09:00:02.480Z",
}

JOBS: dict[str, Any] = {"jobs": [JOB], "cursor": "MDE3OTM2MTAwMDAwMDAjMGI2YTRmN2U"}

JOB_RESULTS: dict[str, Any] = {
    "results": [
        {
            "process_id": _PROCESS_ID,
            "outcome": "done",
            "version": 3,
            "state": "cancelled",
            "events": ["ProcessCancelled"],
        },
        {
            "process_id": "3c1f",
            "outcome": "refused",
            "version": 9,
            "state": "completed",
            "code": "process_finished",
            "message": "cannot cancel: the process is completed",
        },
    ],
    "cursor": "1.0",
}

OPEN_TASKS: dict[str, Any] = {
    "tasks": [
        {
            "tenant_id": "clinic-7",
            "process_id": _PROCESS_ID,
            "step_name": "review",
            "attempt": 1,
            "process_type": "expense_approval",
            "definition_version": 2,
            "aggregate_type": "expense_approval",
            "aggregate_id": _PROCESS_ID,
            "surface": "expense_review",
            "assignee_role": "manager",
            "outcomes": [
                {"name": "approve", "label": "Approve expense"},
                {"name": "reject", "label": "Reject"},
            ],
            "priority": 5,
            "changed_at": "2026-11-02T09:00:12.480Z",
            "due_at": "2026-11-09T09:00:12.480Z",
            "input": {"report": "rep-9"},
        }
    ]
}

LISTED: dict[str, Any] = {
    "processes": [
        {
            "tenant_id": "clinic-7",
            "process_id": _PROCESS_ID,
            "process_type": "expense_approval",
            "definition_version": 2,
            "aggregate_type": "expense_approval",
            "aggregate_id": _PROCESS_ID,
            "state": "in_progress",
            "started_at": "2026-11-02T09:00:00.000Z",
            "changed_at": "2026-11-02T09:00:12.480Z",
            "search_attributes": {"department": "sales"},
        }
    ]
}

HISTORY: dict[str, Any] = {
    "events": [
        {
            "id": f"{_PROCESS_ID}/3/1",
            "version": 3,
            "type": "TaskClaimed",
            "time": "2026-11-02T09:00:12.480Z",
            "process_state": "in_progress",
            "actor": "arn:aws:sts::123456789012:assumed-role/desk/desk",
            "step_name": "review",
            "details": {"attempt": 1, "assignee": "anna"},
        }
    ]
}

_DURATIONS: dict[str, Any] = {"count": 38, "p50": 7_312, "p90": 21_240, "p99": 59_007}

STATISTICS: dict[str, Any] = {
    "name": "expense_approval",
    "versions": [
        {
            "definition_version": 2,
            "started": 41,
            "open": 2,
            "completed": 38,
            "failed": 1,
            "cancelled": 0,
            "retries": 3,
            "timeouts": 1,
            "compensations": 1,
            "compensations_failed": 0,
            "sla_breaches": 1,
            "sla_compliance": 0.974,
            "durations": _DURATIONS,
            "steps": [
                {
                    "step_name": "pay",
                    "retries": 3,
                    "timeouts": 1,
                    "completed": 38,
                    "failed": 1,
                    "skipped": 0,
                    "durations": _DURATIONS,
                }
            ],
        }
    ],
}
