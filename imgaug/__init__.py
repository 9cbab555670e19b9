"""A stand-in for imgaug, with the augmenters that scripts for Matterport's library pass to `augmentation=`.

imgaug 0.4.0, its last release, cannot be imported with NumPy 2. Images and masks are augmented here, over
OpenCV; the names, arguments and meaning of augmenters are those of imgaug 0.4.0.
"""

from typing import NoReturn

from imgaug import augmenters
from imgaug.choices import ALL
from imgaug.hooks import HooksImages
from imgaug.randomness import seed
from mrcnn.other_copies import warn_of_another

__all__ = ["ALL", "HooksImages", "augmenters", "seed"]
__version__ = "0.4.0"

warn_of_another("imgaug", __file__, "Remove it if it is imgaug 0.4.0, which cannot be imported with NumPy 2.")


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(
        f"MaskServe's stand-in for imgaug has no {name!r}: it has {', '.join(__all__)}, and augments images "
        "and masks only. See docs/matterport.md"
    )
