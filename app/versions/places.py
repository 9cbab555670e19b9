"""Places where versions of a model appear: a folder of MASKSERVE_MODEL_DIR, or a gs:// prefix."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from app.fetching import bucket_versions
from app.versions.signatures import signature_of
from model import catalog
from model.storage.manifest import BundleError


class Offer(NamedTuple):
    """A version of a model, as it lies in a place.

    Attributes:
        full_name: `name@version`.
        signature: changes if one of its files changes.
    """

    full_name: str
    signature: str


class Place(Protocol):
    """Where versions of one model appear.

    Attributes:
        name: the name of the model.
    """

    name: str

    def offers(self) -> Sequence[Offer]:
        """The versions that are there now, the newest first. Raises OSError if that is not known."""

    def bring(self, offer: Offer) -> None:
        """Have the version in the catalog, with all its files and their right hashes.

        Raises:
            BundleError: they are not there, or not yet.
            OSError: that is not known, because of a network or a disk.
        """

    def beside(self, file: str) -> bytes | None:
        """The content of a file beside the model's folder; None if there is none."""

    @property
    def parent(self) -> str:
        """Identifies the folder of the models, in which `beside` looks."""


class FolderPlace:
    """The versions of a model in the catalog's folders."""

    def __init__(self, name: str) -> None:
        self.name = name

    def offers(self) -> list[Offer]:
        """See `Place`."""
        names = [f"{self.name}@{version}" for version in catalog.choices(self.name)]
        return [Offer(name, signature_of(catalog.folder_of(name))) for name in names]

    def bring(self, offer: Offer) -> None:
        """See `Place`."""
        catalog.find(offer.full_name).check()

    def beside(self, file: str) -> bytes | None:
        """See `Place`."""
        with suppress(OSError):
            return (catalog.model_dir() / file).read_bytes()
        return None

    @property
    def parent(self) -> str:
        """See `Place`."""
        return str(catalog.model_dir())


class BucketPlace:
    """The versions of a model below a gs:// prefix: a bundle there, or one in a folder for each version."""

    def __init__(self, uri: str, name: str) -> None:
        """Take the prefix, and the name of the model there, as its manifests have it."""
        self._uri = uri
        self.name = name
        self._found: dict[str, bucket_versions.FoundVersion] = {}

    def offers(self) -> list[Offer]:
        """See `Place`."""
        found = bucket_versions.list_versions(self._uri)
        self._found = {f"{self.name}@{one.version}": one for one in found}
        return [Offer(name, one.signature) for name, one in self._found.items()]

    def bring(self, offer: Offer) -> None:
        """See `Place`."""
        full_name = bucket_versions.fetch_version(
            self._uri, self._found[offer.full_name], catalog.model_dir()
        )
        if full_name != offer.full_name:
            raise BundleError(
                f"{self._uri} has the model {full_name}, and {offer.full_name} is expected there"
            )

    def beside(self, file: str) -> bytes | None:
        """See `Place`."""
        return bucket_versions.read_file(self.parent, file)

    @property
    def parent(self) -> str:
        """See `Place`."""
        return self._uri.rstrip("/").rpartition("/")[0]


def place_of(source: str, name: str) -> Place:
    """The place of the model `name`, which the settings name as `source`."""
    return BucketPlace(source, name) if source.startswith("gs://") else FolderPlace(name)
