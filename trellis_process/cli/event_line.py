"""An event on a line of its own, naming its process, for following many."""

from __future__ import annotations

from rich.text import Text

from trellis_process.cli.event_meaning import Envelope, by_whom, details, look, moment

ROOMY = 120  # from here on there is room for what the process is about
WIDE = 160  # and from here on for the whole of its id
_SHORT_ID = 8
_TYPE = 20  # most names are no longer, and those that are may reach out


def event_line(event: Envelope, width: int | None = None) -> Text:
    """When, whose, what happened to which process and step, the details, by whom and why.

    Cut to ``width`` characters; in less than 160 the process is named by the beginning of its id.
    None, for what is no terminal, cuts nothing.
    """
    mark, style = look(event)
    is_whole = width is None or width >= WIDE
    process_id = event["process_id"] if is_whole else event["process_id"][:_SHORT_ID]
    # What is about nothing else is about itself, and its id is there already.
    is_about = width is None or (width >= ROOMY and event["aggregate_id"] != event["process_id"])
    line = Text.assemble(
        (moment(event).astimezone().strftime("%H:%M:%S "), "dim"),
        f"{event['tenant_id']} ",
        f"{event['process_type']} " if width is None or width >= ROOMY else "",
        f"{event['aggregate_id']} " if is_about else "",
        (f"{process_id} ", "dim"),
        (f"{mark} {event['type']:<{_TYPE}}", style),
        f" {event['step_name']}" if "step_name" in event else "",
        f" #{event['attempt']}" if "attempt" in event else "",
        (f" {', '.join(filter(None, (details(event), by_whom(event))))}", "dim"),
    )
    line.rstrip()
    if width is not None:
        line.truncate(width, overflow="ellipsis")
    return line
