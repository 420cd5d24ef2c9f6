"""The environment of a deployed function, as far as importing and running it here needs one."""

from __future__ import annotations

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_METRICS_NAMESPACE": "Trellis",
    "POWERTOOLS_SERVICE_NAME": "function",
    "TRELLIS_TABLE": "processes",
    "TRELLIS_RETENTION_DAYS": "0",
    "TRELLIS_TENANT_CLAIM": "tenant_id",
    "TRELLIS_OPERATOR_SCOPE": "trellis/operator",
    "TRELLIS_EVENT_BUS": "bus",
    "TRELLIS_UNDELIVERED_QUEUE_URL": "http://queue",
    "TRELLIS_REFUSED_COMMANDS_QUEUE_URL": "http://refused",
    "TRELLIS_ARCHIVE_BUCKET": "finished-processes",
    "TRELLIS_ARCHIVE_PREFIX": "finished/",
    "TRELLIS_UNARCHIVED_QUEUE_URL": "http://unarchived",
}
