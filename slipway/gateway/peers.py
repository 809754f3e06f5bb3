"""Whose call it is: the id in the certificate of who calls, where the line is encrypted."""

from typing import Any

from slipway.errors import Reason, Refused


def peer_id(context: Any) -> str | None:
    """The id in the caller's certificate; None on a line that is not encrypted."""
    found = context.auth_context().get("x509_common_name")
    return found[0].decode(errors="replace") if found else None


def check_owner(context: Any, device_id: str, field: str) -> None:
    """Refuse a device that speaks of another one.

    Raises:
        Refused: PERMISSION_DENIED.
    """
    caller = peer_id(context)
    if caller is not None and caller != device_id:
        raise Refused(Reason.PERMISSION_DENIED, field=field, name=caller)
