"""Molding: images → what the network takes, and its answers → the images' own pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from model.families.mask_rcnn.boxes import Floats
from model.families.mask_rcnn.detections import Detections
from model.families.mask_rcnn.fit import Fit
from model.families.mask_rcnn.inference import unmold
from model.families.mask_rcnn.molding import Molded
from mrcnn import utils
from mrcnn.config import Config
from mrcnn.detecting.picture_meta import compose_image_meta
from mrcnn.utils.resizing import Resized


def mold_image(images: npt.NDArray, config: Config) -> Floats:
    """Less the mean pixel, float32; for one image or many, with the channels last."""
    return images.astype(np.float32) - np.asarray(config.MEAN_PIXEL, np.float32)


def unmold_image(normalized_images: npt.NDArray, config: Config) -> npt.NDArray[np.uint8]:
    """The inverse of `mold_image`, rounded to whole grey levels."""
    return np.rint(normalized_images + np.asarray(config.MEAN_PIXEL)).astype(np.uint8)


def mold_inputs(
    images: Sequence[npt.NDArray], config: Config
) -> tuple[Floats, npt.NDArray, npt.NDArray[np.int_]]:
    """Images (H, W, channels) of any sizes → the network's pictures, meta rows and windows.

    Returns:
        float32 (B, h, w, channels); (B, 12 + classes), see `compose_image_meta`; and (B, 4), y1 x1 y2 x2 of
        each image inside its padding.

    Raises:
        ValueError: an image has another number of channels; or the images differ in size after resizing.
    """
    molded, metas, windows = [], [], []
    for image in images:
        check_channels(image, config)
        picture, window, scale, _, _ = resized(image, config)
        unknown = np.zeros(config.NUM_CLASSES, np.int32)
        molded.append(mold_image(picture, config))
        metas.append(compose_image_meta(0, image.shape, picture.shape, window, scale, unknown))
        windows.append(window)
    shapes = sorted({picture.shape for picture in molded})
    if len(shapes) > 1:
        raise ValueError(
            f"with IMAGE_RESIZE_MODE {config.IMAGE_RESIZE_MODE!r} these images become pictures of different "
            f'sizes ({shapes}), but a batch has one: use "square", or one image a call'
        )
    return np.stack(molded), np.stack(metas), np.stack(windows)


def resized(image: npt.NDArray, config: Config) -> Resized:
    """The image as the settings say, see `mrcnn.utils.resize_image`."""
    return utils.resize_image(
        image,
        min_dim=config.IMAGE_MIN_DIM,
        min_scale=config.IMAGE_MIN_SCALE,
        max_dim=config.IMAGE_MAX_DIM,
        mode=config.IMAGE_RESIZE_MODE,
    )


def check_channels(image: npt.NDArray, config: Config) -> None:
    """Raise ValueError unless the image is an array (H, W, IMAGE_CHANNEL_COUNT)."""
    wanted = int(config.IMAGE_CHANNEL_COUNT)
    if not isinstance(image, np.ndarray):
        raise ValueError(
            f"an image was given as {type(image).__name__}, but an array (height, width, {wanted}) is needed:"
            " np.asarray(PIL.Image.open(path)) makes one"
        )
    if image.ndim != 3 or image.shape[2] != wanted:
        raise ValueError(
            f"an image of shape {image.shape} was given, but IMAGE_CHANNEL_COUNT is {wanted}: the shape "
            f"(height, width, {wanted}) is needed"
        )


def placed(picture: npt.NDArray, original_shape: Sequence[int], window: Sequence[int]) -> Molded:
    """A molded picture (h, w, channels) with the place of its image in it."""
    y1, x1, y2, x2 = (int(edge) for edge in window)
    rows, columns = picture.shape[:2]
    height, width = (int(side) for side in original_shape[:2])
    fit = Fit((width, height), (y2 - y1, x2 - x1), ((y1, rows - y2), (x1, columns - x2)))
    return Molded(np.ascontiguousarray(picture[None], np.float32), fit)


def unmold_detections(
    detections: npt.NDArray,
    mrcnn_mask: npt.NDArray,
    original_image_shape: Sequence[int],
    image_shape: Sequence[int],
    window: Sequence[int],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Floats, npt.NDArray[np.bool_]]:
    """The network's answer for one image in the image's own pixels.

    Args:
        detections: (N, 6) y1 x1 y2 x2 normalised, class id, score; from class 0 on it is padding.
        mrcnn_mask: (N, h, w, classes), probabilities.
        original_image_shape: of the image before resizing.
        image_shape: of the picture that the network saw.
        window: y1 x1 y2 x2 of the image in that picture.

    Returns:
        boxes int32 (M, 4) y1 x1 y2 x2, class ids int32 (M,), scores float32 (M,), masks bool (H, W, M).
    """
    class_ids = detections[:, 4].astype(np.int32)
    count = int(np.argmax(np.append(class_ids, 0) == 0))
    class_ids = class_ids[:count]
    found = Detections(
        detections[:count, :4].astype(np.float32), class_ids, detections[:count, 5].astype(np.float32)
    )
    own_masks = mrcnn_mask[np.arange(count), :, :, class_ids]
    nothing_to_see = np.zeros((*image_shape[:2], 0), np.float32)  # only its size is needed
    answer = unmold(placed(nothing_to_see, original_image_shape, window), found, own_masks)
    return answer["rois"], answer["class_ids"], answer["scores"], answer["masks"]
