"""Topics and logins for tests of the reading side."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.readers import Topics
from tests.wire import Pens


@pytest.fixture
def topics(kafka, prefix) -> Iterator[Topics]:
    """Topics of KZ and KG with three partitions."""
    found = Topics(kafka, Pens(prefix=prefix, partitions=3, countries=("KZ", "KG")))
    found.create()
    yield found
    found.close()


@pytest.fixture
def dsn(database) -> str:
    """A login that may project."""
    return database.as_role("project")
