"""What devices may read of a repository: its metadata, and the targets that are signed now, nothing else."""

from collections.abc import Callable, Iterator

from service.trust.entries import Content
from service.trust.files import Files
from service.trust.repository import load
from service.trust.roles import State
from slipway.trust import names
from slipway.trust.source import NotThere

Read = Callable[[str, int], Iterator[bytes]]  # a blob's bytes, by SHA-256 (hex) and offset


def targets_of(state: State) -> dict[str, Content]:
    """Every file that is signed now, by its name."""
    return {
        names.target_name(path, info.hashes["sha256"]): Content(info.hashes["sha256"], info.length)
        for each in state.targets.values()
        for path, info in each.signed.targets.items()
    }


class Mirror:
    """A repository as a ``slipway.trust.source.Source``: what any door, gRPC or HTTP, serves by name.

    Args:
        files: the metadata.
        content: the blobs. A blob that no role signs is not there, whoever knows its hash.
    """

    def __init__(self, files: Files, content: Read) -> None:
        self._files = files
        self.content = content
        self._known: tuple[bytes, dict[str, Content]] = (b"", {})  # the timestamp it was read under

    def size(self, name: str) -> int:
        """Length of a file in bytes.

        Raises:
            NotThere: there is no such file for devices.
        """
        return len(self._metadata(name)) if names.target_hash(name) is None else self._target(name).size_bytes

    def read(self, name: str, offset: int) -> Iterator[bytes]:
        """As ``Source.read``."""
        if names.target_hash(name) is None:
            yield self._metadata(name)[offset:]
        else:
            yield from self.content(self._target(name).sha256, offset)

    def _metadata(self, name: str) -> bytes:
        data = self._files.get(name) if names.NAME.fullmatch(name) and name.startswith(names.METADATA) else None
        if data is None:
            raise NotThere(name)
        return data

    def _target(self, name: str) -> Content:
        timestamp = self._files.get(names.TIMESTAMP) or b""
        if timestamp != self._known[0]:
            self._known = (timestamp, targets_of(load(self._files)))
        if name not in self._known[1]:
            raise NotThere(name)
        return self._known[1][name]
