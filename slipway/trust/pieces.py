"""A repository behind two calls: small metadata files whole, targets in ranges. What gRPC offers is of this form."""

from collections.abc import Callable, Iterator

from slipway.errors import Reason, Refused
from slipway.transport import ServerRefused
from slipway.trust import names
from slipway.trust.source import NotThere

Metadata = Callable[[str], bytes]  # the whole file of a name
Pieces = Callable[
    [str, int], Iterator[tuple[int, bytes]]
]  # of a target's SHA-256, from an offset on: (offset, data), …


class PieceSource:
    """A ``Source`` made of two calls; both may raise ``ServerRefused`` and ``ServerUnreachable``.

    Args:
        metadata: gives the whole file of a name.
        pieces: yields a target, by its hash, from an offset on.
    """

    def __init__(self, metadata: Metadata, pieces: Pieces) -> None:
        self._metadata = metadata
        self._pieces = pieces

    def read(self, name: str, offset: int) -> Iterator[bytes]:
        """As ``Source.read``."""
        sha256 = names.target_hash(name)
        try:
            if sha256 is None:
                yield self._metadata(name)[offset:]
                return
            for at, data in self._pieces(sha256, offset):
                if at != offset:
                    problem = f"a piece for byte {at} came at byte {offset}"
                    raise Refused(Reason.DOWNLOAD_INVALID, field="download", problem=problem)
                yield data
                offset += len(data)
        except ServerRefused as refusal:
            if refusal.code == "NOT_FOUND":
                raise NotThere(name) from refusal
            raise
