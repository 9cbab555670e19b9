"""Config: the library's defaults, and what is derived from them."""

from __future__ import annotations

import pytest

from mrcnn.config import Config


class Balloons(Config):
    NAME = "balloon"
    NUM_CLASSES = 2
    GPU_COUNT = 2
    IMAGES_PER_GPU = 4
    OWN_SETTING = "kept"


def test_a_subclass_overrides_and_the_rest_is_derived() -> None:
    config = Balloons()
    assert (config.NAME, config.BATCH_SIZE, config.IMAGE_META_SIZE) == ("balloon", 8, 14)
    assert config.IMAGE_SHAPE.tolist() == [1024, 1024, 3]
    assert (config.BACKBONE, config.DETECTION_MIN_CONFIDENCE, config.TRAIN_BN) == ("resnet101", 0.7, False)


def test_crops_are_as_large_as_the_shorter_side() -> None:
    class Crops(Balloons):
        IMAGE_RESIZE_MODE = "crop"
        IMAGE_MIN_DIM = 512
        IMAGE_CHANNEL_COUNT = 1

    assert Crops().IMAGE_SHAPE.tolist() == [512, 512, 1]


def test_the_class_of_an_instance_can_be_subclassed_again() -> None:
    class ForInference(Balloons().__class__):  # type: ignore[misc]
        GPU_COUNT = 1
        IMAGES_PER_GPU = 1

    assert ForInference().BATCH_SIZE == 1
    assert ForInference().NAME == "balloon"


def test_every_setting_is_displayed(capsys: pytest.CaptureFixture[str]) -> None:
    config = Balloons()
    config.display()
    lines = capsys.readouterr().out.splitlines()
    assert f"{'BATCH_SIZE':30} 8" in lines
    assert f"{'OWN_SETTING':30} kept" in lines
    names = [line.split()[0] for line in lines if line[:1].isalpha() and not line.startswith("Conf")]
    assert names == list(config.to_dict()) == sorted(names)
    assert len(names) > 45


def test_a_backbone_that_is_a_function_is_displayed_too() -> None:
    class Own(Config):
        BACKBONE = staticmethod(max)  # type: ignore[assignment]

    assert Own().to_dict()["BACKBONE"] is max
