"""Where a repository's files come from: one method, whatever line is behind it, and what python-tuf makes of it."""

from collections.abc import Iterator
from itertools import chain
from typing import Protocol
from urllib.parse import unquote

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface

BASE_URL = "slipway:/"  # python-tuf wants URLs; nobody resolves this one


class NotThere(LookupError):
    """The other side has no file of this name."""


class Source(Protocol):
    """A repository to read from. It is not trusted: it may lie, break off or never end."""

    def read(self, name: str, offset: int) -> Iterator[bytes]:
        """The bytes of the file ``name`` (see ``slipway.trust.names``) from ``offset`` on.

        Raises:
            NotThere: there is no such file; at the first piece at the latest.
            ServerRefused, ServerUnreachable: as the line says. What came stays.
        """
        ...


class SourceFetcher(FetcherInterface):
    """Metadata of a ``Source`` for python-tuf, which stops it at each role's limit."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = unquote(url.removeprefix(BASE_URL))
        try:
            pieces = self._source.read(name, 0)
            first = next(pieces, b"")  # so that NotThere comes before an iterator is handed out
        except NotThere as error:
            raise DownloadHTTPError(f"there is no {name}", 404) from error
        return chain((first,), pieces)
