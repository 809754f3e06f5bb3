"""What every test shares: a process that has room for the next compiled program, and examples that a seed fixes."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from nets.compilation import release_when_crowded

# No deadlines: how long a thing takes is a benchmark's business, and a compiler's first call is slow.
settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("house")


@pytest.fixture(scope="module", autouse=True)
def room_for_programs() -> Iterator[None]:
    """Thousands of tests in one process compile more programs than the system has memory mappings for."""
    yield
    release_when_crowded()
