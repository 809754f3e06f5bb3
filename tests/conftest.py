"""What every test shares: a process that has room for the next compiled program, and examples that a seed fixes."""

import os
from collections.abc import Iterator

# Tests compile thousands of small programs and run each a few times: compiling them with less care takes a third off.
# Set before anything imports JAX; workers and servers that tests start inherit it.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")

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
