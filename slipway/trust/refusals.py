"""What The Update Framework's errors become. Only this file and ``view`` know its exceptions."""

from datetime import datetime

from tuf.api import exceptions as tuf

from slipway.errors import Reason, Refused
from slipway.transport import ServerRefused, ServerUnreachable

METADATA, TARGET, ROOT = "metadata", "target", "root"  # fields of the refusals


def refused(problem: object, field: str = METADATA) -> Refused:
    """Metadata that cannot be trusted."""
    return Refused(Reason.METADATA_REFUSED, field=field, problem=problem)


def not_signed(path: str, problem: str) -> Refused:
    """A target that nobody who may has signed."""
    return Refused(Reason.TARGET_NOT_SIGNED, field=TARGET, name=path, problem=problem)


def translate(error: tuf.RepositoryError | tuf.DownloadError, reference: datetime, field: str = METADATA) -> Exception:
    """The plain exception for one of python-tuf's; a line that broke stays what it was.

    Args:
        reference: the time that expiry was judged by.
    """
    if isinstance(error.__cause__, ServerUnreachable | ServerRefused | Refused):
        return error.__cause__
    if isinstance(error, tuf.ExpiredMetadataError):
        problem = f"{error}; it is {reference:%Y-%m-%d %H:%M} or later"
        return Refused(Reason.METADATA_EXPIRED, field=field, problem=problem, found=f"{reference:%Y-%m-%dT%H:%M:%SZ}")
    if isinstance(error, tuf.DownloadHTTPError):
        return refused("the server lacks a file that it promised", field)
    return refused(f"{type(error).__name__}: {error}", field)
