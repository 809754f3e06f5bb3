"""What every test shares: a process that has room for the next compiled program."""

from collections.abc import Iterator

import pytest

from nets.compilation import release_when_crowded


@pytest.fixture(scope="module", autouse=True)
def room_for_programs() -> Iterator[None]:
    """Thousands of tests in one process compile more programs than the system has memory mappings for."""
    yield
    release_when_crowded()
