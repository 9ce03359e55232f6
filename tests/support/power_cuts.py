"""Power cuts of a SQLite database: record once what reaches the disk, then cut the power often.

A VFS records each write, sync, creation and deletion of the database's files. From this trace
follows what a disk may hold after a power cut at any point: all that was synced, and anything of
the rest. A write that was not synced may be there, be lost, be torn between sectors, or be garbage.
Bytes around it do not change (SQLite's "powersafe overwrite").

Names in the folder are as in a journalling file system: the last changes may be lost, in order.
SQLite syncs the folder when it first syncs a log or journal that it has opened.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from random import Random
from shutil import rmtree
from threading import Lock
from typing import Final, NamedTuple

import apsw

from application.ledger.ledger import Ledger
from application.persistence import environment

LEDGER: Final = "ledger.db"
"""The name of the ledger's file."""

SECTOR: Final = 512

RECORDED: Final = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL
"""Kinds of files. Temporary ones mean nothing after a power cut, and the log's index is not opened
by the VFS."""


class Created(NamedTuple):
    """A new file under a name."""

    name: str
    file: int


class Deleted(NamedTuple):
    name: str


class Written(NamedTuple):
    file: int
    offset: int
    data: bytes


class Truncated(NamedTuple):
    file: int
    size: int


class Synced(NamedTuple):
    """What was written to the file before that point of the trace is on the disk."""

    file: int
    before: int


class SyncFailed(NamedTuple):
    """What was not on the disk by then may never get there: the next sync does not try again."""

    file: int
    before: int


class FolderSynced(NamedTuple):
    before: int


class Mark(NamedTuple):
    """A moment that the test cares about."""

    value: object


Step = Created | Deleted | Written | Truncated | Synced | SyncFailed | FolderSynced | Mark


class Fault(NamedTuple):
    """An error of the disk, once."""

    method: str
    """xWrite or xSync."""
    name: str
    """The end of the file's name."""
    error: apsw.Error
    calls_before: int = 0
    """Calls that succeed first."""


class Disk(apsw.VFS):
    """Records a trace of the files of each database that is opened meanwhile.

    Args:
        ignored_syncs: ends of names of files whose syncs silently do nothing.
    """

    def __init__(self, ignored_syncs: Sequence[str] = ()) -> None:
        self.trace: list[Step] = []
        self._ignored_syncs = tuple(ignored_syncs)
        self._files: dict[str, int] = {}
        self._created = 0
        self._fault: Fault | None = None
        self._lock = Lock()
        super().__init__("power-cuts", "unix", makedefault=True)

    def mark(self, value: object) -> None:
        """Marks this moment in the trace."""
        self.add(Mark(value))

    def fail(self, fault: Fault) -> None:
        """Fails a later call."""
        self._fault = fault

    @property
    def has_failed(self) -> bool:
        """Whether the call has failed."""
        return self._fault is None

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 -- SQLite's name
        if name is None or not flags[0] & RECORDED:
            return apsw.VFSFile("unix", name, flags)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        return _DiskFile(self, name, flags, path)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 -- SQLite's name
        super().xDelete(filename, syncdir)
        with self._lock:
            del self._files[filename]
            self.trace.append(Deleted(Path(filename).name))
        if syncdir:
            self.add(FolderSynced(len(self.trace)))

    def add(self, step: Step) -> None:
        """Adds a step to the trace."""
        with self._lock:
            self.trace.append(step)

    def is_ignored(self, path: str) -> bool:
        """Whether syncs of a file silently do nothing."""
        return path.endswith(self._ignored_syncs)

    def raise_fault(self, method: str, path: str) -> None:
        """Raises the error that is due now."""
        with self._lock:
            fault = self._fault
            if fault is None or fault.method != method or not path.endswith(fault.name):
                return
            left = fault.calls_before
            self._fault = fault._replace(calls_before=left - 1) if left else None
        if not left:
            raise fault.error

    def number_of(self, path: str) -> int:
        """Returns the number of an open file. The same name has another one once deleted."""
        with self._lock:
            if path not in self._files:
                self._files[path] = self._created
                self.trace.append(Created(Path(path).name, self._created))
                self._created += 1
            return self._files[path]


class _DiskFile(apsw.VFSFile):
    def __init__(
        self, disk: Disk, name: str | apsw.URIFilename, flags: list[int], path: str
    ) -> None:
        super().__init__("unix", name, flags)
        self._disk = disk
        self._path = path
        self._number = disk.number_of(path)
        self._syncs_folder = not flags[0] & apsw.SQLITE_OPEN_MAIN_DB

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 -- SQLite's name
        self._disk.raise_fault("xWrite", self._path)
        super().xWrite(data, offset)
        self._disk.add(Written(self._number, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 -- SQLite's name
        super().xTruncate(newsize)
        self._disk.add(Truncated(self._number, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802 -- SQLite's name
        """Records the sync, and leaves the real disk alone: images are made from the trace."""
        before = len(self._disk.trace)
        if self._disk.is_ignored(self._path):
            return
        try:
            self._disk.raise_fault("xSync", self._path)
        except apsw.Error:
            self._disk.add(SyncFailed(self._number, before))
            raise
        self._disk.add(Synced(self._number, before))
        if self._syncs_folder:
            self._syncs_folder = False
            self._disk.add(FolderSynced(before))


@contextmanager
def recording(ignored_syncs: Sequence[str] = ()) -> Iterator[Disk]:
    """Context manager of a disk under each database that is opened meanwhile."""
    disk = Disk(ignored_syncs)
    try:
        yield disk
    finally:
        disk.unregister()


def image_at(trace: Sequence[Step], point: int, random: Random) -> dict[str, bytes]:
    """Returns what the disk may hold after a power cut before that step: contents by name."""
    past = trace[:point]
    weights = random.choice(LUCK)
    return {
        name: _content(past, file, weights, random) for name, file in _names(past, random).items()
    }


def _names(past: Sequence[Step], random: Random) -> dict[str, int]:
    """Returns the files by name. The last changes of the folder may be lost."""
    synced = max((step.before for step in past if isinstance(step, FolderSynced)), default=0)
    changes = [(n, step) for n, step in enumerate(past) if isinstance(step, Created | Deleted)]
    safe = sum(n < synced for n, _ in changes)
    names: dict[str, int] = {}
    for _, change in changes[: random.randint(safe, len(changes))]:
        if isinstance(change, Created):
            names[change.name] = change.file
        else:
            del names[change.name]
    return names


def _content(past: Sequence[Step], file: int, weights: Sequence[int], random: Random) -> bytes:
    safe = _safe(past, file)
    content = bytearray()
    for n, step in enumerate(past):
        if not isinstance(step, Written | Truncated) or step.file != file:
            continue
        fate = _kept if n in safe else random.choices(FATES, weights)[0]
        if isinstance(step, Written):
            for part in fate(step, random):
                _apply(content, part)
        elif fate is not _lost:
            _apply(content, step)
    return bytes(content)


def _safe(past: Sequence[Step], file: int) -> set[int]:
    """Returns the places of the file's writes that are on the disk."""
    safe: set[int] = set()
    pending: list[int] = []
    for n, step in enumerate(past):
        match step:
            case Written() | Truncated() if step.file == file:
                pending.append(n)
            case Synced() | SyncFailed() if step.file == file:
                done = {one for one in pending if one < step.before}
                pending = [one for one in pending if one not in done]
                if isinstance(step, Synced):
                    safe |= done
    return safe


def _apply(content: bytearray, step: Written | Truncated) -> None:
    end = step.size if isinstance(step, Truncated) else step.offset
    content.extend(bytes(max(0, end - len(content))))
    if isinstance(step, Truncated):
        del content[step.size :]
    else:
        content[step.offset : step.offset + len(step.data)] = step.data


def _kept(write: Written, _: Random) -> list[Written]:
    return [write]


def _lost(_: Written, __: Random) -> list[Written]:
    return []


def _torn(write: Written, random: Random) -> list[Written]:
    """Returns the parts of a write in some sectors of the disk."""
    end = write.offset + len(write.data)
    bounds = [write.offset, *range(write.offset // SECTOR * SECTOR + SECTOR, end, SECTOR), end]
    return [
        Written(write.file, start, write.data[start - write.offset : stop - write.offset])
        for start, stop in pairwise(bounds)
        if random.random() < 0.5
    ]


def _garbage(write: Written, random: Random) -> list[Written]:
    return [write._replace(data=random.randbytes(len(write.data)))]


FATES: Final = (_kept, _lost, _torn, _garbage)
"""What may become of a write that was not synced."""

LUCK: Final = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 1, 1, 1), (3, 1, 1, 1), (20, 1, 1, 1))
"""Weights of the fates. Each image has one of these rows: chance alone would nearly never lose all
of a long commit, or all but one write."""


class Cut(NamedTuple):
    """A power cut, and what it left in a folder."""

    seed: int
    number: int
    """Of the image, from 0."""
    point: int
    """The steps of the trace before the cut."""
    files: Mapping[str, bytes]
    """What is left: contents by name."""
    folder: Path
    """Where to put it."""
    marks: Sequence[object]
    """What was marked before the cut."""
    later_marks: Sequence[object]

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.folder / LEDGER}"

    def write(self) -> None:
        """Puts what is left into the folder, and nothing else."""
        rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for name, content in self.files.items():
            (self.folder / name).write_bytes(content)

    def __str__(self) -> str:
        """The next run has another trace, because of its threads: the folder has this image."""
        return f"seed {self.seed}, image {self.number}, step {self.point}, in {self.folder}"


class BrokenPromise(AssertionError):
    """What a power cut has left breaks a promise."""


def points_of(trace: Sequence[Step], random: Random, *, anywhere: int, per_mark: int) -> list[int]:
    """Returns the points of the power cuts: some anywhere, and some right after each mark."""
    after_marks = [n for n, step in enumerate(trace, 1) if isinstance(step, Mark)]
    return [*random.choices(range(len(trace) + 1), k=anywhere), *(after_marks * per_mark)]


def cuts(
    trace: Sequence[Step], folder: Path, *, seed: int, anywhere: int, per_mark: int
) -> Iterator[Cut]:
    """Yields power cuts, each with a folder of its own."""
    random = Random(seed)
    points = points_of(trace, random, anywhere=anywhere, per_mark=per_mark)
    for number, point in enumerate(points):
        yield Cut(
            seed,
            number,
            point,
            image_at(trace, point, random),
            folder / f"image-{number}",
            _marks(trace[:point]),
            _marks(trace[point:]),
        )


def _marks(steps: Sequence[Step]) -> list[object]:
    return [step.value for step in steps if isinstance(step, Mark)]


Promise = Callable[[Ledger, Cut], None]
"""Raises an error if what is left after a power cut breaks it."""


def require(promises: Sequence[Promise], found: Iterable[Cut]) -> None:
    """Opens the ledger of each image, and checks the promises.

    Raises BrokenPromise, and leaves the image in its folder.
    """
    for cut in found:
        cut.write()
        promise = "opens"
        try:
            with Ledger(environment(cut.database_url, lock_timeout=30)) as ledger:
                for check in promises:
                    promise = check.__name__
                    check(ledger, cut)
        except Exception as error:
            cut.write()  # The ledger has changed it.
            raise BrokenPromise(f"{promise}: {error!r}; {cut}") from error
        rmtree(cut.folder)
