"""Where things live: the paths of the API."""

PROCESSES = "/tenants/<tenant_id>/processes"
PROCESS = f"{PROCESSES}/<process_id>"
STEP = f"{PROCESS}/steps/<step_name>"

DEFINITIONS = "/definitions"
DEFINITION = f"{DEFINITIONS}/<definition>"
VERSION = f"{DEFINITION}/versions/<version>"
TENANTS_DEFINITION = "/tenants/<tenant_id>/definitions/<definition>"

SCHEDULES = "/tenants/<tenant_id>/schedules"
SCHEDULE = f"{SCHEDULES}/<schedule>"
