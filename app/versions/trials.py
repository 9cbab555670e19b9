"""Trials: a version is loaded and tested in a process of its own before the service's processes load it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.errors import NotAgreed, Refused
from app.monitoring.shared_files import try_lock
from model.storage.manifest import BundleError
from model.trial.process import TrialTimedOut

TryOut = Callable[[str, Path], object]
"""Takes a version's full name, and a folder for what is compiled; raises as `trial.process.try_out`."""


def no_trial(full_name: str, folder: Path) -> None:
    """A `TryOut` that every version passes."""


class Trials:
    """Tries versions out, and keeps what was compiled for it until all processes have loaded the version.

    So a version that crashes or hangs harms no process that serves, and most of the work is done once for all
    of them, at a low priority.

    What was compiled is in a folder that is locked while the process that tries the version out lives.
    """

    def __init__(self, shared: Path | None, try_out: TryOut) -> None:
        """`shared`: a folder of all processes; None: there is only this one."""
        self._shared = shared
        self._try_out = try_out
        self._parent, self._prefix = (
            (Path(tempfile.gettempdir()), "maskserve-compiled-") if shared is None else (shared, "compiled-")
        )
        self._own: Path | None = None

    def folder_of(self, digest: str) -> Path | None:
        """Where the compiled stages of the version with this digest are, while it is being loaded."""
        return self._own if self._shared is None else self._parent / f"{self._prefix}{digest[:16]}"

    @contextmanager
    def passed(self, full_name: str, digest: str) -> Iterator[None]:
        """Try a version out, and load it in the `with` block; in one process at a time.

        Raises:
            Refused: it cannot be served.
            NotAgreed: that could not be found out.
        """
        try:
            with self._new_folder(digest) as folder:
                try:
                    self._try_out(full_name, folder)
                except BundleError as error:
                    raise Refused(str(error)) from None
                except TrialTimedOut as error:
                    raise NotAgreed(
                        f"{error}; nothing was changed. Try again when there is less to do."
                    ) from None
                yield
        except OSError as error:
            raise NotAgreed(f"{full_name} cannot be tried out, and nothing was changed: {error}") from None

    def remove_left_behind(self) -> None:
        """Remove the folders of processes that were killed during a trial."""
        for folder in self._parent.glob(f"{self._prefix}*"):
            with suppress(OSError), _opened(folder) as descriptor:  # it may be another user's
                if os.fstat(descriptor).st_uid == os.geteuid() and try_lock(descriptor):
                    shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _new_folder(self, digest: str) -> Iterator[Path]:
        """A private folder that exists and is locked in the `with` block."""
        self.remove_left_behind()
        # Until it is locked, its name begins with a dot, so that no other process removes it.
        new = Path(tempfile.mkdtemp(prefix=f".{self._prefix}", dir=self._parent))
        with _opened(new) as descriptor:
            try_lock(descriptor)
            self._own = new.with_name(new.name[1:])
            folder = new.rename(self.folder_of(digest) or self._own)
            try:
                yield folder
            finally:
                self._own = None
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
