"""The proof: what Trellis promises, shown by trying to break it."""

import pytest

# So that a broken promise shows what was compared.
pytest.register_assert_rewrite("tests.proof.histories", "tests.proof.promises", "tests.proof.stack")

# Sets what Powertools reads when a function is imported, so it comes before any of them.
from tests.lambdas import conftest as conftest  # noqa: E402
