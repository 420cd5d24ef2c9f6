"""Views on DynamoDB do what every store of views does.

On the local cloud, because moto loses updates where many write at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from trellis_process.dynamodb.view_store import DynamoDBViewStore
from trellis_process.dynamodb.view_table import ViewTable
from trellis_process.local.ministack import LocalCloud
from trellis_process.testing import ViewStoreContract


@pytest.fixture(scope="module")
def table(local_cloud: LocalCloud) -> Iterator[ViewTable]:
    local_cloud.reset()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in local_cloud.client_environment().items():
            patch.setenv(name, value)
        table = ViewTable("views")
        table.create()
        yield table


class TestDynamoDBViewStore(ViewStoreContract):
    @pytest.fixture
    def views(self, table: ViewTable) -> DynamoDBViewStore:
        return DynamoDBViewStore(table)
