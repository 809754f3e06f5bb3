"""Every disk that a crash can leave: what a piece of work does to a folder is recorded once, and crashed at will.

A recording is the order of changes: bytes into a file, a file cut short, entries of a folder made, renamed and removed,
and what was synced. ``killed`` is the folder after the first n changes and a part of the next one, as kill -9 leaves
it. ``cut`` is what a power cut may leave of it: of a file that was not synced since, any of its changes up to a point,
the last one torn at any byte or only as long as it should be, full of zeros; of a folder that was not synced since, its
changes up to a point, and each folder its own point. A rename is one change of two folders.

Reference: Pillai et al., All File Systems Are Not Created Equal: On the Complexity of Crafting Crash-Consistent
Applications, OSDI 2014.
"""

import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR
SKIPPED = "lock"  # holds nothing


@dataclass(frozen=True)
class Data:
    """Bytes into a file."""

    file: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class Shorter:
    """A file cut to a length."""

    file: int
    size: int


@dataclass(frozen=True)
class Entry:
    """A name that means a file, a link's target or a folder (an empty string) from now on; None: nothing any more."""

    name: str
    target: "int | str | None"
    renamed: str = ""  # the name that it had before


@dataclass(frozen=True)
class Synced:
    """A file, or the entries of a folder, are on the disk."""

    what: "int | str"


Change = Data | Shorter | Entry | Synced


@dataclass
class Recording:
    """A folder before, and all changes of it. Names are relative to the folder."""

    names: dict[str, "int | str"]  # as ``Entry.target``
    files: dict[int, bytes]
    changes: list[Change] = field(default_factory=list)


class _Recorder:
    """Sees changes as they happen: bytes are noticed at the next event, which is soon enough to know their order."""

    def __init__(self, folder: Path) -> None:
        self.root = f"{folder}{os.sep}"
        names, files = _read(folder)
        self.recording = Recording(dict(names), dict(files))
        self.names, self.files = names, files
        self.dirty: set[int] = set()
        self.on = True

    def event(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on or not args or not isinstance(args[0], str | bytes | os.PathLike):
            return
        self.on = False
        try:
            name = self._name(args[0])
            if event == "os.symlink":
                self._entry(self._name(args[1]), os.fspath(args[0]))
            elif name and name != SKIPPED:
                self._change(event, name, args)
        finally:
            self.on = True

    def fsync(self, handle: int) -> None:
        path = os.readlink(f"/proc/self/fd/{handle}")
        self.look()
        name = "." if path == self.root[:-1] else self._name(path)
        if name:
            what = name if os.path.isdir(path) else self.names[name]
            self.recording.changes.append(Synced(what))

    def look(self) -> None:
        """Notice what was written since the last event."""
        by_file = {target: name for name, target in self.names.items()}
        for file in sorted(self.dirty):
            if file in by_file:
                before, now = self.files[file], Path(self.root, by_file[file]).read_bytes()
                self._bytes(file, before, now)

    def _name(self, path: Any) -> str:
        text = os.path.abspath(os.fsdecode(path))
        return text[len(self.root) :] if text.startswith(self.root) else ""

    def _change(self, event: str, name: str, args: tuple[Any, ...]) -> None:
        self.look()
        path = self.root + name
        if event == "open" and isinstance(args[2], int) and args[2] & WRITES and not os.path.isdir(path):
            self._opened(name, args[2])
        elif event == "os.rename":
            new = self._name(args[1])
            target = self.names.pop(name)
            self.names[new] = target
            self.recording.changes.append(Entry(new, target, renamed=name))
        elif event in ("os.remove", "os.rmdir") and name in self.names:
            self._entry(name, None)
        elif event == "os.mkdir" and name not in self.names and not os.path.exists(path):
            self._entry(name, "")
        elif event == "os.truncate" and isinstance(self.names.get(name), int):
            self._shorter(self.names[name], args[1])

    def _opened(self, name: str, flags: int) -> None:
        file = self.names.get(name)
        if file is None:
            file = len(self.files)
            self.files[file] = self.recording.files[file] = b""
            self._entry(name, file)
        elif flags & os.O_TRUNC:
            self._shorter(file, 0)
        assert isinstance(file, int)
        self.dirty.add(file)

    def _entry(self, name: str, target: "int | str | None") -> None:
        if target is None:
            self.names.pop(name, None)
        else:
            self.names[name] = target
        self.recording.changes.append(Entry(name, target))

    def _shorter(self, file: Any, size: int) -> None:
        if len(self.files[file]) > size:
            self.files[file] = self.files[file][:size]
            self.recording.changes.append(Shorter(file, size))

    def _bytes(self, file: int, before: bytes, now: bytes) -> None:
        if len(now) < len(before):
            self._shorter(file, len(now))
            before = before[: len(now)]
        if now != before:
            shorter = min(len(before), len(now))
            same = next((at for at in range(shorter) if before[at] != now[at]), shorter)
            self.recording.changes.append(Data(file, same, now[same:]))
        self.files[file] = now


_active: list[_Recorder] = []
_hooked = False


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if _active and (event == "open" or event.startswith("os.")):
        _active[0].event(event, args)


@contextmanager
def recorded(folder: Path) -> Iterator[Recording]:
    """Record what is done to ``folder`` meanwhile, by this process."""
    global _hooked
    if not _hooked:
        sys.addaudithook(_hook)  # for ever: Python takes none away
        _hooked = True
    recorder, fsync = _Recorder(folder), os.fsync

    def synced(handle: Any) -> None:
        recorder.fsync(handle if isinstance(handle, int) else handle.fileno())

    _active.append(recorder)
    os.fsync = synced  # type: ignore[assignment]  # no audit event tells of it
    try:
        yield recorder.recording
        recorder.on = False
        recorder.look()
    finally:
        _active.clear()
        os.fsync = fsync


def killed(recording: Recording, count: int, draw: random.Random, folder: Path) -> None:
    """Make ``folder`` what kill -9 leaves after ``count`` changes and a part of the next one."""
    changes = recording.changes[: count + 1]
    if len(changes) > count:
        changes[count:] = [_torn(changes[count], draw)] if isinstance(changes[count], Data) else []
    _make(folder, recording, [each for each in changes if not isinstance(each, Synced)])


def cut(recording: Recording, count: int, draw: random.Random, folder: Path) -> None:
    """Make ``folder`` what a power cut may leave after ``count`` changes and a part of the next one."""
    changes = recording.changes[:count]
    _make(folder, recording, [*_entries_left(changes, draw), *_bytes_left(changes, draw)])


def _torn(change: Data, draw: random.Random) -> Data:
    return Data(change.file, change.offset, change.data[: draw.randrange(len(change.data) + 1)])


def _folders(entry: Entry) -> set[str]:
    names = (entry.name, entry.renamed) if entry.renamed else (entry.name,)
    return {os.path.dirname(name) or "." for name in names}


def _entries_left(changes: list[Change], draw: random.Random) -> list[Entry]:
    """Changes of folders that are on the disk: all that a sync forces, and of the rest none after one that is not."""
    forced: set[int] = set()
    synced: set[str] = set()
    for index in range(len(changes) - 1, -1, -1):
        change = changes[index]
        if isinstance(change, Synced) and isinstance(change.what, str):
            synced.add(change.what)
        elif isinstance(change, Entry) and _folders(change) & synced:
            forced.add(index)
            synced |= _folders(change)  # a rename is whole, and so is what came before it on both sides
    left, stopped, share = [], set[str](), draw.random()
    for index, change in enumerate(changes):
        if not isinstance(change, Entry):
            continue
        if index in forced or (not _folders(change) & stopped and draw.random() < share):
            left.append(change)
        else:
            stopped |= _folders(change)
    return left


def _bytes_left(changes: list[Change], draw: random.Random) -> list[Data | Shorter]:
    """Changes of files that are on the disk."""
    left: list[Data | Shorter] = []
    for file in {each.file for each in changes if isinstance(each, Data | Shorter)}:
        own = [each for each in changes if getattr(each, "file", None) == file or each == Synced(file)]
        safe = max((index + 1 for index, each in enumerate(own) if isinstance(each, Synced)), default=0)
        upto = draw.randint(safe, len(own))
        left += [each for each in own[:upto] if isinstance(each, Data | Shorter)]
        if upto < len(own) and isinstance(torn := own[upto], Data):
            part = _torn(torn, draw)
            left.append(part if draw.random() < 0.5 else Data(file, part.offset, bytes(len(part.data))))
    return left


def _make(folder: Path, recording: Recording, changes: "list[Any]") -> None:
    names, files = dict(recording.names), {file: bytearray(data) for file, data in recording.files.items()}
    for change in changes:
        if isinstance(change, Data):
            files[change.file][change.offset : change.offset + len(change.data)] = change.data
        elif isinstance(change, Shorter):
            del files[change.file][change.size :]
        else:
            names.pop(change.renamed, None)
            names.pop(change.name, None)
            if change.target is not None:
                names[change.name] = change.target
    _write(folder, names, files)


def _write(folder: Path, names: dict[str, "int | str"], files: dict[int, bytearray]) -> None:
    folder.mkdir()
    for name, target in sorted(names.items()):
        path = folder / name
        if not path.parent.is_dir():
            continue  # the folder itself was not on the disk yet
        if target == "":
            path.mkdir()
        elif isinstance(target, str):
            path.symlink_to(target)
        else:
            path.write_bytes(files[target])


def _read(folder: Path) -> tuple[dict[str, "int | str"], dict[int, bytes]]:
    names: dict[str, int | str] = {}
    files: dict[int, bytes] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            names[name] = os.readlink(path)
        elif path.is_dir():
            names[name] = ""
        elif name != SKIPPED:
            names[name] = len(files)
            files[len(files)] = path.read_bytes()
    return names, files
