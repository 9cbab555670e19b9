"""Trials: a version is loaded and tested in a process of its own before the service's processes load it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import NotAgreed, Refused
from model.storage.manifest import BundleError
from model.trial.process import TrialTimedOut

TryOut = Callable[[str, Path], object]
"""Takes a version's full name, and a folder for what is compiled; raises as `trial.process.try_out`."""

_FOLDER = "compiled-"


def no_trial(full_name: str, folder: Path) -> None:
    """A `TryOut` that every version passes."""


class Trials:
    """Tries versions out, and keeps what was compiled for it until all processes have loaded the version.

    So a version that crashes or hangs harms no process that serves, and most of the work is done once for all
    of them, at a low priority.
    """

    def __init__(self, shared: Path | None, try_out: TryOut) -> None:
        """`shared`: a folder of all processes; None: there is only this one."""
        self._shared = shared
        self._try_out = try_out
        self._own: Path | None = None

    def folder_of(self, digest: str) -> Path | None:
        """Where the compiled stages of the version with this digest are, while it is being loaded."""
        return self._own if self._shared is None else self._shared / f"{_FOLDER}{digest[:16]}"

    @contextmanager
    def passed(self, full_name: str, digest: str) -> Iterator[None]:
        """Try a version out, and load it in the `with` block; in one process at a time.

        Raises:
            Refused: it cannot be served.
            NotAgreed: that could not be found out.
        """
        try:
            folder = self._new_folder(digest)
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
        finally:
            self._remove_folders()

    def _new_folder(self, digest: str) -> Path:
        self._remove_folders()  # of a process that was killed meanwhile
        if self._shared is None:
            self._own = Path(tempfile.mkdtemp(prefix=f"maskserve-{_FOLDER}"))
            return self._own
        folder = self._shared / f"{_FOLDER}{digest[:16]}"
        folder.mkdir(mode=0o700)
        return folder

    def _remove_folders(self) -> None:
        own, self._own = self._own, None
        for folder in self._shared.glob(f"{_FOLDER}*") if self._shared else [own] if own else []:
            shutil.rmtree(folder, ignore_errors=True)
