"""One server that speaks TLS for the tests of a file."""

from collections.abc import Iterator

import pytest

from tests.service.identity.town import Town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The server with its first admin; each test enrols ids of its own."""
    town = Town(tmp_path_factory.mktemp("town"))
    yield town
    town.close()
