"""Images side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt


def display_images(
    images: Sequence[npt.NDArray] | npt.NDArray,
    titles: Sequence[str] | None = None,
    cols: int = 4,
    cmap: Any = None,
    norm: Any = None,
    interpolation: str | None = None,
) -> None:
    """Show images, each (H, W) or (H, W, 3) and of any dtype, in rows of `cols`, with titles if given.

    `cmap`, `norm` and `interpolation` are those of Matplotlib's `imshow`.
    """
    rows = len(images) // cols + 1
    plt.figure(figsize=(14, max(1, 14 * rows // cols)))
    for index, image in enumerate(images):
        plt.subplot(rows, cols, index + 1)
        plt.title(titles[index] if titles is not None else "", fontsize=9)
        plt.axis("off")
        plt.imshow(image.astype(np.uint8), cmap=cmap, norm=norm, interpolation=interpolation)
    plt.show()


def display_top_masks(
    image: npt.NDArray,
    mask: npt.NDArray,
    class_ids: npt.NDArray,
    class_names: Sequence[str],
    limit: int = 4,
) -> None:
    """Show an image, and the masks of the `limit` classes that cover most of it, one picture a class.

    Args:
        image: (H, W, 3).
        mask: (H, W, N), 0 and 1.
        class_ids: (N,).
        class_names: by class id.
        limit: number of classes; places of classes that do not occur stay empty.
    """
    class_ids = np.asarray(class_ids)
    areas = {int(which): mask[..., class_ids == which].sum() for which in np.unique(class_ids)}
    largest_first = sorted((which for which in areas if areas[which]), key=lambda which: -areas[which])
    shown, titles = [image], [f"H x W={image.shape[0]}x{image.shape[1]}"]
    for class_id in [*largest_first, *[-1] * limit][:limit]:
        of_class = mask[..., class_ids == class_id]
        shown.append((of_class * np.arange(1, of_class.shape[-1] + 1)).sum(axis=-1))
        titles.append(class_names[class_id] if class_id != -1 else "-")
    display_images(shown, titles=titles, cols=limit + 1, cmap="Blues_r")
