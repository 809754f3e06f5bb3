"""A bundle on the disk becomes a model that answers, after every check; what fails one never answers."""

from dataclasses import dataclass

from slipway.bundle import archive
from slipway.bundle.runtime import Runtime
from slipway.edge.state import Installed
from slipway.edge.store import DISK, Store
from slipway.errors import Reason, Refused


@dataclass(frozen=True)
class Live:
    """A verified model that answers, and which version it is."""

    version: Installed
    runtime: Runtime


def load(store: Store, version: Installed) -> Live:
    """Read a bundle from the disk, verify all of it, run its self-test.

    Raises:
        Refused: BUNDLE_HASH_MISMATCH where the disk no longer holds what came; else the reason of the check.
    """
    try:
        runtime = prove(store.content(version.sha256))
        manifest = runtime.bundle.manifest
        named = f"models/{manifest.model}/versions/{manifest.version}"
        if named != version.version:
            raise Refused(Reason.VERSION_MISMATCH, field="bundle", found=named, expected=version.version)
        return Live(version, runtime)
    except OSError as error:
        problem = error.strerror or error
        raise Refused(Reason.BUNDLE_UNUSABLE, field=DISK, name=version.version, problem=problem) from error


def prove(data: bytes) -> Runtime:
    """A model from a bundle's bytes, after every check and its self-test.

    Raises:
        Refused: whatever goes wrong: an unproven model must not take the agent down with it.
    """
    try:
        runtime = Runtime(archive.read(data))
        runtime.self_test()
        return runtime
    except (Refused, MemoryError):  # memory may be there the next time
        raise
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise Refused(Reason.BUNDLE_UNUSABLE, field="bundle", name="the bundle", problem=problem) from error
