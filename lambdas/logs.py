"""The functions' logs: JSON lines with the process they are about, and never a payload."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

if TYPE_CHECKING:
    from aws_lambda_powertools import Metrics
    from aws_lambda_powertools.logging.types import LogRecord

#: What Powertools says of the function in each line; the log group is one function's alone.
_OF_THE_FUNCTION = {"function_name", "function_memory_size", "function_arn"}


class _Formatter(LambdaPowertoolsFormatter):
    """Powertools' lines without what all lines of a log group say, which is half of a short one."""

    def serialize(self, log: LogRecord) -> str:
        kept = {key: value for key, value in log.items() if key not in _OF_THE_FUNCTION}
        return super().serialize(kept)


def function_logger() -> Logger:
    """A Powertools logger that writes the library's own log lines as well."""
    logger = Logger(logger_formatter=_Formatter())
    # Powertools goes by the level of Lambda's own filter, which the template leaves at INFO: for
    # that filter the lines that carry metrics are lines like any others.
    logging.getLogger(logger.name).setLevel(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))
    library = logging.getLogger("trellis_process")
    library.handlers = list(logger.handlers)
    library.setLevel(logger.log_level)
    library.propagate = False  # the runtime's root handler would write each line again, as text
    return logger


def tell(logger: Logger, metrics: Metrics, message: str, facts: dict[str, Any]) -> None:
    """Has the line that carries the metrics say a message and facts as well, at level INFO.

    One line for both, because each is paid for by its bytes. To CloudWatch the facts are fields of
    that line like any others, and no dimensions. A fact that is None is left out.
    """
    if logger.log_level > logging.INFO:
        return
    run = logger.get_current_keys()
    said = {
        "level": "INFO",
        "message": message,
        "function_request_id": run.get("function_request_id"),
        "cold_start": run.get("cold_start") or None,  # the first line of a container alone says it
        **facts,
    }
    for name, fact in said.items():
        if fact is not None:
            metrics.add_metadata(name, fact)
