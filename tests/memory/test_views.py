"""Views in memory do what every store of views does."""

from __future__ import annotations

import pytest

from trellis_process.memory.view_store import InMemoryViewStore
from trellis_process.testing import ViewStoreContract


class TestInMemoryViewStore(ViewStoreContract):
    @pytest.fixture
    def views(self) -> InMemoryViewStore:
        return InMemoryViewStore()
