"""An event on a line of its own, naming its process, for following many."""

from __future__ import annotations

from rich.text import Text

from trellis_process.cli.timeline import LOOKS, Envelope, moment
from trellis_process.domain.events import EVENT_TYPES

WIDE = 120  # from here on there is room for a whole id, and for what the process is about
_SHORT_ID = 8
_LONGEST_TYPE = max(map(len, EVENT_TYPES))


def event_line(event: Envelope, width: int | None = None) -> Text:
    """When, whose, what happened to which process and step, by whom and why.

    Cut to ``width`` characters; in less than 120 the process is named by the beginning of its id.
    None, for what is no terminal, cuts nothing.
    """
    mark, style = LOOKS.get(event["type"], ("·", ""))  # the stack may be of a later version
    is_wide = width is None or width >= WIDE
    process_id = event["process_id"] if is_wide else event["process_id"][:_SHORT_ID]
    about = f"{event['process_type']} {event['aggregate_id']} " if is_wide else ""
    line = Text.assemble(
        (moment(event).astimezone().strftime("%H:%M:%S "), "dim"),
        f"{event['tenant_id']} {about}",
        (f"{process_id} ", "dim"),
        (f"{mark} {event['type']:<{_LONGEST_TYPE}}", style),
        f" {event['step_name']}" if "step_name" in event else "",
        f" #{event['attempt']}" if "attempt" in event else "",
        (f" {_by_whom(event)}", "dim"),
    )
    line.rstrip()
    if width is not None:
        line.truncate(width, overflow="ellipsis")
    return line


def _by_whom(event: Envelope) -> str:
    actor, why = event.get("actor"), event.get("reason") or event.get("error")
    # Of the ARN of a role's session, the part that says who it was.
    by = f"by {actor.rsplit('/', 1)[-1]}" if actor else ""
    said = " ".join(why.replace("_", " ").split()) if why else ""
    return ": ".join(filter(None, (by, said)))
