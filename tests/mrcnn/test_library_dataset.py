"""Dataset: classes and images of several sources under one numbering; and weights downloaded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.publishing.fetching import FetchError
from mrcnn import utils
from mrcnn.utils import downloading


class Mixed(utils.Dataset):
    def load_mixed(self, folder: Path) -> None:
        self.add_class("coco", 1, "person")
        self.add_class("coco", 18, "dog,hound")
        self.add_class("coco", 18, "dog again")
        self.add_class("own", 1, "balloon")
        self.add_image("coco", "a", folder / "a.png", width=6)
        self.add_image("own", "b", str(folder / "b.png"))

    def image_reference(self, image_id: int) -> str:
        return super().image_reference(image_id) or f"image {image_id}"


@pytest.fixture
def mixed(tmp_path: Path) -> Mixed:
    dataset = Mixed()
    dataset.load_mixed(tmp_path)
    dataset.prepare()
    return dataset


def test_classes_are_numbered_across_sources(mixed: Mixed) -> None:
    assert mixed.class_names == ["BG", "person", "dog", "balloon"]
    assert (mixed.num_classes, mixed.class_ids.tolist()) == (4, [0, 1, 2, 3])
    assert mixed.source_class_ids == {"": [0], "coco": [0, 1, 2], "own": [0, 3]}
    assert sorted(mixed.sources) == ["", "coco", "own"]
    assert mixed.map_source_class_id("coco.18") == 2
    assert mixed.get_source_class_id(3, "own") == 1
    with pytest.raises(ValueError, match="class 3, balloon, is of 'own', not of 'coco'"):
        mixed.get_source_class_id(3, "coco")
    with pytest.raises(ValueError, match="dot"):
        mixed.add_class("coco.2017", 1, "person")


def test_images_are_numbered_and_keep_what_they_were_given(mixed: Mixed, tmp_path: Path) -> None:
    assert mixed.num_images == 2
    assert mixed.image_ids.tolist() == [0, 1]
    assert mixed.image_info[0] == {"id": "a", "source": "coco", "path": tmp_path / "a.png", "width": 6}
    assert mixed.image_from_source_map == {"coco.a": 0, "own.b": 1}
    assert mixed.source_image_link(1) == str(tmp_path / "b.png")
    assert mixed.image_reference(1) == "image 1"


def test_without_an_override_there_are_no_masks(mixed: Mixed) -> None:
    masks, class_ids = mixed.load_mask(0)
    assert masks.shape == (0, 0, 0)
    assert (class_ids.shape, class_ids.dtype) == ((0,), np.int32)


def test_grey_images_become_rgb_and_photos_stay_as_they_are_stored(mixed: Mixed, tmp_path: Path) -> None:
    grey = np.arange(24, dtype=np.uint8).reshape(4, 6)
    Image.fromarray(grey).save(tmp_path / "a.png")
    assert np.array_equal(mixed.load_image(0), np.repeat(grey[..., None], 3, axis=-1))

    turned = Image.Exif()
    turned[0x0112] = 6
    rgb = np.dstack([grey, grey + 50, grey + 100])
    Image.fromarray(rgb).save(tmp_path / "b.png", exif=turned)
    assert np.array_equal(mixed.load_image(1), rgb)


def test_what_never_worked_says_what_does(mixed: Mixed) -> None:
    with pytest.raises(NotImplementedError, match="add_class and add_image"):
        mixed.append_data({}, {})
    with pytest.raises(NotImplementedError, match="class_map"):
        mixed.prepare(class_map={1: 2})  # type: ignore[arg-type]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "weights.h5").write_bytes(b"weights")
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path / "site")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_weights_are_downloaded_whole_or_not_at_all(
    site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "mask_rcnn_coco.h5"
    monkeypatch.setattr(downloading, "COCO_MODEL_URL", f"{site}/weights.h5")
    with pytest.raises(FetchError, match="has 7 bytes, but 257,557,808 were expected"):
        utils.download_trained_weights(str(place), verbose=0)
    assert list(tmp_path.glob("mask*")) == []

    monkeypatch.setattr(downloading, "SIZE_BYTES", 7)
    utils.download_trained_weights(str(place))
    assert place.read_bytes() == b"weights"
    assert f"{site}/weights.h5" in capfd.readouterr().out


def test_without_a_network_the_error_says_how_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloading, "COCO_MODEL_URL", "http://127.0.0.1:1/weights.h5")
    with pytest.raises(
        FetchError, match=r"Check the network.*Or download the file.*copy it to .*weights\.h5"
    ):
        utils.download_trained_weights(tmp_path / "weights.h5", verbose=0)
