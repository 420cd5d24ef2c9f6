"""The functions' logger: JSON lines with the process they are about, and never a payload."""

from __future__ import annotations

import logging

from aws_lambda_powertools import Logger


def function_logger() -> Logger:
    """A Powertools logger that writes the library's own log lines as well."""
    logger = Logger()
    library = logging.getLogger("trellis_process")
    library.handlers = list(logger.handlers)
    library.setLevel(logger.log_level)
    library.propagate = False  # the runtime's root handler would write each line again, as text
    return logger
