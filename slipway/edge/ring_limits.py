"""Which windows a ring keeps: the newest, or a fair sample of each hour, within a count and so many pages.

A window of a parcel that is on its way stays whatever the limits say: what is sent again is what was sent.
"""

import sqlite3
from collections.abc import Callable, Iterable

PAGE_DATA = 4000  # bytes of a window that surely fit into one page
SPARE_PAGES = 8  # inner nodes of the tables
DROPPED = 16  # windows at once


def chosen(file: sqlite3.Connection, hour: int, hourly: int, random: Callable[[], float]) -> bool:
    """Whether a window of ``hour`` comes in; one that was in its place goes.

    Args:
        hourly: windows of an hour at most; 0 takes all.
        random: numbers from 0 to 1.

    Reference: Vitter 1985, Random sampling with a reservoir, algorithm R.
    """
    if not hourly:
        return True
    query = "INSERT INTO seen VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count"
    (seen,) = file.execute(query, (hour,)).fetchone()
    file.execute("DELETE FROM seen WHERE hour < ?", (hour,))
    place = int(random() * seen)
    if seen <= hourly:
        return True
    if place >= hourly:
        return False
    query = "SELECT id FROM window WHERE second / 3600 = ? AND parcel IS NULL ORDER BY id LIMIT 1 OFFSET ?"
    found = file.execute(query, (hour, place)).fetchone()
    if found is not None:
        file.execute("DELETE FROM window WHERE id = ?", found)
    return found is not None


def drop_over(file: sqlite3.Connection, limit: int) -> None:
    """Remove the oldest windows over a count; 0 is no limit."""
    (count,) = file.execute("SELECT count(*) FROM window").fetchone()
    if limit and count > limit:
        _drop(file, count - limit)


def make_room(file: sqlite3.Connection, sizes_bytes: Iterable[int], limit_pages: int) -> None:
    """Drop the oldest windows until those of ``sizes_bytes`` fit: pages are used again, and the file does not grow."""
    pages = sum(size // PAGE_DATA + 1 for size in sizes_bytes)
    while _pragma(file, "page_count") - _pragma(file, "freelist_count") + pages + SPARE_PAGES > limit_pages:
        before = file.total_changes
        _drop(file, DROPPED)
        if file.total_changes == before:
            return


def shorten(file: sqlite3.Connection, limit_pages: int) -> None:
    """Give back free pages over the limit, as where less is to be kept than before."""
    over = _pragma(file, "page_count") - limit_pages
    if over > 0:
        file.executescript(f"PRAGMA incremental_vacuum({over});")  # execute frees one page only


def _drop(file: sqlite3.Connection, count: int) -> None:
    query = "DELETE FROM window WHERE id IN (SELECT id FROM window WHERE parcel IS NULL ORDER BY id LIMIT ?)"
    file.execute(query, (count,))


def _pragma(file: sqlite3.Connection, name: str) -> int:
    return int(file.execute(f"PRAGMA {name}").fetchone()[0])
