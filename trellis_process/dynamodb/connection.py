"""The connection: pynamodb's to one table, with our limits of time and our name."""

from __future__ import annotations

from botocore.config import Config
from botocore.session import Session
from pynamodb.connection import Connection as Requests
from pynamodb.connection import TableConnection
from pynamodb.connection.base import MetaTable

from trellis_process.dynamodb import schema
from trellis_process.user_agent import USER_AGENT

# A request takes milliseconds. Read and write, each tried three times without an answer, are
# told as an error within the 15 seconds that the function of the step API has.
CONNECT_TIMEOUT_SECONDS = 1.0
READ_TIMEOUT_SECONDS = 2.0
RETRIES = 2  # botocore's, with jitter
CONNECTIONS = 32  # a sweep reads all shards side by side, a program may have many threads


class Connection(TableConnection):
    """A connection to one table of Trellis's schema. Safe to use from several threads."""

    def __init__(self, table_name: str, region: str | None, endpoint_url: str | None) -> None:
        # Not TableConnection's own, which makes requests that cannot be told their user agent.
        self.table_name = table_name
        self.connection = _Requests(
            region=region,
            host=endpoint_url,
            connect_timeout_seconds=CONNECT_TIMEOUT_SECONDS,
            read_timeout_seconds=READ_TIMEOUT_SECONDS,
            max_retry_attempts=RETRIES,
            max_pool_connections=CONNECTIONS,
        )
        self.connection.add_meta_table(MetaTable(schema.table_description(table_name)))


class _Requests(Requests):
    @property
    def session(self) -> Session:
        """The session of botocore whose client sends them."""
        session = super().session
        session.set_default_client_config(Config(user_agent=USER_AGENT))
        return session
