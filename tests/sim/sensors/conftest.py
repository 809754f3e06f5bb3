"""Sensor models are held to strict numerics: no silent change of rank or type."""

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture
def strict() -> Iterator[None]:
    with jax.numpy_rank_promotion("raise"), jax.numpy_dtype_promotion("strict"):
        yield
