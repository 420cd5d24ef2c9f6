"""The side that answers the queries of definitions: named sources, whose rows are a step's output.

Begin at ``Sources``. A function decorated with ``@sources.source("open_invoices")`` gives rows, and
Trellis filters, orders and limits them as the step asks; ``DynamoDBSource`` has DynamoDB do what it
can. ``worker.queries(sources)`` makes a Lambda handler of them, ``runner.queries(sources)`` has a
program answer for itself. ``DynamoDBSource`` needs ``trellis-process[queries]``, all else what
``Worker`` needs.
"""

from trellis_process.queries.dynamodb_source import DynamoDBSource
from trellis_process.queries.query import Filter, Query, QueryError
from trellis_process.queries.rows import Rows
from trellis_process.queries.sources import Source, Sources

__all__ = ["DynamoDBSource", "Filter", "Query", "QueryError", "Rows", "Source", "Sources"]
