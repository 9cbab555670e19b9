"""The catalog finds bundles and refuses those that cannot be trusted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from model import catalog
from model.catalog import SHIPPED, UnknownModel, new_bundle
from model.segmenter import load
from model.storage.manifest import MANIFEST, Bundle, BundleError
from model.storage.writing import update_manifest, write_manifest

VALUES = {
    "name": "cells",
    "version": "1",
    "task": "instance",
    "classes": ["background", "cell"],
    "licence": "CC0-1.0",
    "source": "made up",
    "threshold": 0.5,
    "config": {"num_classes": 2},
    "weights": "model.weights.h5",
}
LARGEST_SHIPPED_BUNDLE = 40 << 20
"""Bytes: every clone of the repository carries it. Compiled stages are counted apart."""


def make(in_folder: str | None = None, **changes: Any) -> Bundle:
    """A bundle in `model_dir` whose weights are a few bytes; `in_folder`: in the folder of this version."""
    values = {**VALUES, **({"version": in_folder} if in_folder else {}), **changes}
    with new_bundle(values["name"], version=in_folder) as folder:
        (folder / "model.weights.h5").write_bytes(b"weights")
        write_manifest(folder, values)
    return catalog.find(f"{values['name']}@{in_folder}" if in_folder else values["name"])


def spoil(bundle: Bundle, **changes: Any) -> None:
    """Write values into the manifest that `write_manifest` would not; None takes one out."""
    path = bundle.folder / MANIFEST
    values = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({name: value for name, value in values.items() if value is not None}))


def test_models_of_the_user_lie_in_the_checkout_or_with_the_users_data_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MASKSERVE_MODEL_DIR", raising=False)
    assert catalog.model_dir() == Path(catalog.__file__).parents[1] / "models"
    monkeypatch.setattr(catalog, "PROJECT", tmp_path / "site-packages")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert catalog.model_dir() == tmp_path / ".local" / "share" / "maskserve" / "models"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert catalog.model_dir() == tmp_path / "data" / "maskserve" / "models"
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", "elsewhere")
    assert catalog.model_dir() == Path("elsewhere")


def test_a_bundle_is_found_by_name_and_its_files_are_whole(model_dir: Path) -> None:
    made = make(description="Cells — seen from above")

    found = catalog.find("cells")

    assert found == made
    assert found.folder == model_dir / "cells"
    assert found.weights_path.read_bytes() == b"weights"
    assert found.manifest.description == "Cells — seen from above"
    found.check()


def test_an_unknown_name_is_answered_with_the_known_ones(model_dir: Path) -> None:
    make()
    make(name="yeast")

    with pytest.raises(UnknownModel, match="no model 'cell'; there are: cells, yeast"):
        catalog.find("cell")


def test_without_any_bundle_the_answer_is_that_there_are_none(model_dir: Path) -> None:
    with pytest.raises(UnknownModel, match="there are: none"):
        catalog.find("nuclei")


def test_without_a_model_dir_there_are_the_shipped_bundles(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make()
    monkeypatch.setattr(catalog, "SHIPPED", model_dir)
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", str(model_dir / "not-made-yet"))

    assert catalog.names() == ["cells"]


def test_a_bundle_in_the_model_dir_hides_the_shipped_one_of_its_name(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "shipped"
    make(version="shipped")
    make(name="yeast", version="shipped")
    model_dir.rename(shipped)
    monkeypatch.setattr(catalog, "SHIPPED", shipped)
    make(version="own")

    versions = {name: catalog.find(name).manifest.version for name in catalog.names()}

    assert versions == {"cells": "own", "yeast": "shipped"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"licence": None}, "licence: Field required"),  # a field is missing
        ({"classess": []}, "classess: Extra inputs"),  # a misspelt one
        ({"name": "../cells"}, "name: String should match"),  # would leave the folder
        ({"name": "Cells"}, "name: String should match"),  # upper case
        ({"threshold": 1.5}, "threshold: Input should be less"),
        ({"classes": ["background"]}, "classes: List should have at least 2"),
        ({"classes": ["cell", "background"]}, 'start with "background"'),  # cells would never be found
        ({"classes": ["background", "cell", "cell"]}, "each class once"),
        ({"classes": ["background", "cell", "fibre"]}, "num_classes 2"),  # the network has one class less
        ({"config": {"num_clases": 2}}, "Config has no num_clases"),
        ({"config": {"num_classes": 2, "backbone": "vgg"}}, "use one of resnet50"),
        (
            {"config": {"num_classes": 2, "image_min_dim": "large"}},
            "image_min_dim: Input should be a valid integer",
        ),  # a word for a number
        ({"files": {}}, "sha256 of model.weights.h5"),  # nothing would be checked
    ],
)
def test_a_bad_manifest_gives_one_clear_bundle_error(
    model_dir: Path, changes: dict[str, Any], says: str
) -> None:
    spoil(make(), **changes)

    with pytest.raises(BundleError, match=says) as caught:
        catalog.find("cells")

    assert str(caught.value).startswith("cells/model.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b'{"name": "cells"',  # cut short
        b"[]",  # JSON, but no object
        b"\xff\xfe\x00",  # no text
        b"[" * 100_000,  # deeper than Python reads
    ],
)
def test_a_manifest_that_is_no_json_object_gives_a_bundle_error(model_dir: Path, text: bytes) -> None:
    (make().folder / MANIFEST).write_bytes(text)

    with pytest.raises(BundleError, match=r"cells/model\.json"):
        catalog.find("cells")


def test_a_file_with_one_other_byte_is_refused(model_dir: Path) -> None:
    bundle = make()
    bundle.weights_path.write_bytes(b"Weights")

    with pytest.raises(BundleError, match=r"cells: model.weights.h5 is not the file .*sha256"):
        bundle.check()


def test_a_missing_file_is_named(model_dir: Path) -> None:
    bundle = make()
    bundle.weights_path.unlink()

    with pytest.raises(BundleError, match=r"file model\.weights\.h5 is missing"):
        bundle.check()


def test_a_model_with_changed_weights_is_not_loaded(tiny_bundle: Bundle) -> None:
    with tiny_bundle.weights_path.open("ab") as file:
        file.write(b"\0")

    with pytest.raises(BundleError, match="sha256"):
        load("tiny")


def test_a_bundle_that_fails_halfway_leaves_nothing_behind(model_dir: Path) -> None:
    with pytest.raises(RuntimeError), new_bundle("cells") as folder:
        (folder / "model.weights.h5").write_bytes(b"half of")
        raise RuntimeError

    assert list(model_dir.iterdir()) == []


def test_a_bundle_that_fails_halfway_leaves_the_one_before_it(model_dir: Path) -> None:
    before = make()
    with pytest.raises(RuntimeError), new_bundle("cells") as folder:
        (folder / "model.weights.h5").write_bytes(b"half of")
        raise RuntimeError

    assert list(model_dir.iterdir()) == [before.folder]
    catalog.find("cells").check()


def test_a_bundle_in_the_making_is_not_found(model_dir: Path) -> None:
    with new_bundle("cells") as folder:
        (folder / "model.weights.h5").write_bytes(b"weights")
        write_manifest(folder, VALUES)

        assert catalog.names() == []

    assert catalog.names() == ["cells"]


def test_a_new_bundle_replaces_the_old_one_whole(model_dir: Path) -> None:
    (make().folder / "selftest.npz").write_bytes(b"of the old weights")

    new = make(version="2")

    assert {path.name for path in new.folder.iterdir()} == {"model.json", "model.weights.h5"}
    assert catalog.find("cells").manifest.version == "2"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../cells",
        "a/b",
        ".cells",  # hidden
        "Cells",
        "my cells",
        "zellen-ä",
        "a" * 64,
    ],
)
def test_a_bad_name_is_refused_before_anything_is_written(model_dir: Path, name: str) -> None:
    with pytest.raises(BundleError, match="use at most 63 lower-case letters"), new_bundle(name):
        pass

    assert list(model_dir.iterdir()) == []


def test_a_manifest_that_would_be_refused_is_not_written(model_dir: Path) -> None:
    with pytest.raises(BundleError, match="tile_overlap: Input should be greater"):
        make(tile_overlap=1)

    assert list(model_dir.iterdir()) == []


def test_an_updated_manifest_keeps_the_rest_and_hashes_the_files_anew(model_dir: Path) -> None:
    bundle = make(max_segments=7)
    (bundle.folder / "selftest.npz").write_bytes(b"added")

    update_manifest(bundle, quality={"AP50": 0.8})

    updated = catalog.find("cells")
    updated.check()
    assert set(updated.manifest.files) == {"model.weights.h5", "selftest.npz"}
    changed = {"quality": {"AP50": 0.8}, "files": updated.manifest.files}
    assert updated.manifest == bundle.manifest.model_copy(update=changed)


def test_the_shipped_bundles_are_whole_pass_their_self_test_and_are_small(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", str(tmp_path))
    names = [path.parent.name for path in SHIPPED.glob(f"*/{MANIFEST}")]
    if not names:
        pytest.skip(f"no bundle in {SHIPPED} yet")
    assert catalog.names() == sorted(names)  # each in the folder of its name
    for name in names:
        load(name).self_test()
        size = sum(path.stat().st_size for path in (SHIPPED / name).rglob("*"))
        assert size <= LARGEST_SHIPPED_BUNDLE, f"{name} has {size:,} bytes"


# --- versions side by side


def test_versions_lie_side_by_side_and_a_name_alone_is_the_newest(model_dir: Path) -> None:
    for version in ("9", "10", "2"):
        made = make(in_folder=version)
        assert made.folder == model_dir / "cells" / version

    assert catalog.names() == ["cells"]
    assert catalog.versions("cells") == ["2", "9", "10"]
    assert catalog.choices("cells") == ["10", "9", "2"]
    assert catalog.find("cells").manifest.version == "10"
    assert catalog.find("cells@9").manifest.full_name == "cells@9"
    with pytest.raises(
        UnknownModel, match="no version '3' of the model 'cells'; there are: cells@2, cells@9"
    ):
        catalog.find("cells@3")


@pytest.mark.parametrize(
    "oldest_first",
    [
        ("1", "2", "10"),
        ("1.9", "1.10"),
        ("2025-11-30", "2026-01-02"),
        ("v9", "v10"),
        ("9", "next"),  # words come after numbers
        ("9", "1" + "0" * 5000),  # longer than Python turns into a number
        ("9", "\u00b2"),  # a digit, but no number
    ],
)
def test_newer_is_meant_as_people_count(oldest_first: tuple[str, ...]) -> None:
    assert sorted(set(oldest_first), key=catalog.natural) == list(oldest_first)


def test_a_version_may_lie_beside_a_bundle_without_a_version_folder(model_dir: Path) -> None:
    alone = make(version="1")
    make(in_folder="2")

    assert catalog.versions("cells") == ["1", "2"]
    assert catalog.find("cells@1").folder == alone.folder
    updated = update_manifest(alone, quality={"AP50": 0.8})
    assert set(updated.manifest.files) == {"model.weights.h5"}  # not those of version 2
    catalog.find("cells@2").check()


def test_a_bundle_without_a_version_folder_does_not_replace_a_folder_of_versions(model_dir: Path) -> None:
    make(in_folder="1")

    with pytest.raises(BundleError, match="has versions of the model in folders of their own"):
        make(version="2")

    assert catalog.versions("cells") == ["1"]


def test_shipped_versions_are_older_and_can_still_be_named(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(version="5")
    model_dir.rename(tmp_path / "shipped")
    monkeypatch.setattr(catalog, "SHIPPED", tmp_path / "shipped")
    make(in_folder="3")

    assert catalog.versions("cells") == ["5", "3"]
    assert catalog.choices("cells") == ["3", "5"]
    assert catalog.find("cells").manifest.version == "3"
    assert catalog.find("cells@5").folder == tmp_path / "shipped" / "cells"


def test_a_bundle_without_a_version_folder_hides_the_shipped_one_as_ever(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(version="5")
    model_dir.rename(tmp_path / "shipped")
    monkeypatch.setattr(catalog, "SHIPPED", tmp_path / "shipped")
    make(version="3")

    assert catalog.choices("cells") == ["3"]


def test_the_folder_of_a_version_must_have_its_name(model_dir: Path) -> None:
    spoil(make(in_folder="2"), version="3")

    with pytest.raises(BundleError, match=r"cells/2/model\.json has the version '3'.*rename the folder"):
        catalog.find("cells@2")


@pytest.mark.parametrize("version", ["", ".2", "a/b", "../2", "a b", "ä", "1" * 64])
def test_a_bad_version_is_no_folder(model_dir: Path, version: str) -> None:
    with pytest.raises(BundleError, match="cannot be the version"), new_bundle("cells", version=version):
        pass

    assert list(model_dir.iterdir()) == []


def test_a_version_that_fails_halfway_leaves_nothing_behind(model_dir: Path) -> None:
    with pytest.raises(RuntimeError), new_bundle("cells", version="2"):
        raise RuntimeError

    assert list(model_dir.iterdir()) == []


def test_hidden_and_misnamed_folders_are_no_versions(model_dir: Path) -> None:
    made = make(in_folder="2")
    for name in (".making-abc", "a b"):
        shutil.copytree(made.folder, made.folder.with_name(name))

    assert catalog.versions("cells") == ["2"]
