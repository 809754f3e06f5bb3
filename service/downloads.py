"""Downloads: any range of a file, in pieces that say where they belong."""

from slipway.errors import Reason, Refused


def byte_range(size_bytes: int, read_offset: int, read_limit: int) -> tuple[int, int]:
    """First byte and end of what is asked for; a limit of 0 means to the end of the file.

    Raises:
        Refused: FIELD_INVALID for negative numbers, READ_OUTSIDE_FILE.
    """
    for field, value in (("read_offset", read_offset), ("read_limit", read_limit)):
        if value < 0:
            remedy = "Send 0 or a positive number of bytes."
            raise Refused(Reason.FIELD_INVALID, field=field, problem="needs 0 or more", found=value, remedy=remedy)
    if read_offset > size_bytes:
        raise Refused(Reason.READ_OUTSIDE_FILE, field="read_offset", found=read_offset, limit=size_bytes)
    end = size_bytes if read_limit == 0 else min(size_bytes, read_offset + read_limit)
    return read_offset, end
