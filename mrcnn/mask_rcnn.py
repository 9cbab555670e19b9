"""MaskRCNN: trains, loads, saves and detects under the library's names."""

from __future__ import annotations

import os
import warnings
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import numpy.typing as npt

from model.families.mask_rcnn.anchors import pyramid_anchors
from model.families.mask_rcnn.boxes import Floats
from model.families.mask_rcnn.training_plan import LAYER_STAGES
from mrcnn.config import Config
from mrcnn.detecting import molding
from mrcnn.detecting.finding import Answer, find
from mrcnn.detecting.stages import EngineChoice
from mrcnn.learning import fitting, log_folders
from mrcnn.learning.batches import dataset_of, pixel_anchors
from mrcnn.learning.choosing_layers import choose_layers
from mrcnn.learning.examples import examples
from mrcnn.logging_arrays import log
from mrcnn.network import named, running
from mrcnn.network.building import network_of
from mrcnn.network.keras_model import InferenceModel, LibraryModel, TrainingModel
from mrcnn.network.translating import typed
from mrcnn.network.values import Values
from mrcnn.weights.imagenet import imagenet_file

if TYPE_CHECKING:
    from mrcnn.utils import Dataset


class MaskRCNN:
    """A Mask R-CNN to train or to detect with. Threads may share one to detect.

    Attributes:
        mode: "training" or "inference".
        config: the settings.
        model_dir: where log folders are made.
        keras_model: its layers and weights; in training, Keras' model.
        epoch: how many epochs of training are done.
        log_dir: the folder of this training, which `train` makes.
        checkpoint_path: of its weight files, with "{epoch:04d}" for the epoch.
    """

    def __init__(self, mode: str, config: Config, model_dir: str | os.PathLike[str]) -> None:
        """Build the network, with random weights.

        Raises:
            ValueError: a setting or the mode is impossible; the message says what would be right.
        """
        self.mode = mode
        self.config = config
        self.model_dir = os.fspath(model_dir)
        self._picture_shape: Sequence[int] | None = None
        self.set_log_dir()
        self.keras_model = self.build(mode, config)
        self._engines = EngineChoice(self.keras_model.network)
        self._process = os.getpid()

    def build(self, mode: str, config: Config) -> InferenceModel | TrainingModel:
        """The Keras model of that mode, with random weights."""
        kinds: dict[str, type[InferenceModel | TrainingModel]] = {
            "training": TrainingModel,
            "inference": InferenceModel,
        }
        if mode not in kinds:
            raise ValueError(f"mode {mode!r} is unknown: use one of {', '.join(kinds)}")
        if config.GPU_COUNT > 1:
            warnings.warn(
                f"GPU_COUNT is {config.GPU_COUNT}, but the batch of {config.BATCH_SIZE} images is computed "
                "on one device: see docs/training.md to share batches",
                stacklevel=3,
            )
        return kinds[mode](network_of(config), config)

    # Weights

    def load_weights(
        self,
        filepath: str | os.PathLike[str],
        by_name: bool = False,
        exclude: Iterable[str] | None = None,
    ) -> None:
        """Fill the network from a weight file of any of its layouts, and go on with its log folder, if any.

        Args:
            filepath: of the file.
            by_name: fill the layers that both have, and warn of the others.
            exclude: names of layers to leave as they are; implies `by_name`.

        Raises:
            WeightsError: the file does not fit; see `weights.loading.load`.
        """
        self.keras_model.load_weights(filepath, by_name, exclude=exclude)
        self.set_log_dir(filepath)

    def get_imagenet_weights(self) -> str:
        """The path of a file with ImageNet weights for the backbone, to be loaded by name."""
        return os.fspath(imagenet_file(self.config))

    def find_last(self) -> str:
        """The path of the last weight file in the newest log folder. Raises FileNotFoundError."""
        return log_folders.find_last(self.model_dir, self.config.NAME)

    def set_log_dir(self, model_path: str | os.PathLike[str] | None = None) -> None:
        """Begin a new log folder with epoch 0, or go on with that of a weight file."""
        self.log_dir, self.epoch = log_folders.folder_and_epoch(
            self.model_dir, self.config.NAME, None if model_path is None else os.fspath(model_path)
        )
        self.checkpoint_path = log_folders.checkpoint_path(self.log_dir, self.config.NAME)
        if self.epoch:
            print(f"Re-starting from epoch {self.epoch}")

    # Training

    def train(
        self,
        train_dataset: Dataset,
        val_dataset: Dataset | None,
        learning_rate: float,
        epochs: int,
        layers: str,
        augmentation: Any = None,
        custom_callbacks: Sequence[keras.callbacks.Callback] | None = None,
        no_augmentation_sources: Collection[str] | None = None,
    ) -> None:
        """Train, with a weight file and the losses for TensorBoard in `log_dir` after each epoch.

        Args:
            train_dataset, val_dataset: prepared; without the second, nothing is measured.
            learning_rate: the same at each step.
            epochs: in all, with those that are done.
            layers: which learn: "heads", "3+", "4+", "5+", "all", or a regular expression for whole names.
            augmentation: an augmenter of imgaug, for images and masks of the training data.
            custom_callbacks: Keras' callbacks.
            no_augmentation_sources: sources whose images are not augmented.

        Raises:
            RuntimeError: the model is for inference; or the loss became infinite.
            ValueError: the data or the settings do not fit; the message says what would be right.
        """
        model = self._keras_model_of(TrainingModel, "training", "train")
        self._check_process()
        if not self.config.USE_RPN_ROIS:
            raise ValueError(
                "USE_RPN_ROIS is False, but the heads learn from the RPN's proposals only: set it to True"
            )
        changes = {"augmentation": augmentation, "no_augmentation_sources": no_augmentation_sources}
        batches = dataset_of(partial(examples, train_dataset, self.config, **changes), self.config)
        validation = None
        if val_dataset is not None and self.config.VALIDATION_STEPS:
            validation = dataset_of(partial(examples, val_dataset, self.config), self.config)
        log(f"\nStarting at epoch {self.epoch}. LR={learning_rate}\n")
        if epochs <= self.epoch:
            log(f"There is nothing to do: {self.epoch} epochs are done, and epochs={epochs} counts them")
        log(f"Checkpoint Path: {self.checkpoint_path}")
        self.set_trainable(LAYER_STAGES.get(layers, layers))
        self.compile(learning_rate, self.config.LEARNING_MOMENTUM)
        os.makedirs(self.log_dir, exist_ok=True)
        callbacks = [fitting.Curves(self.log_dir), fitting.WeightFiles(self.checkpoint_path)]
        callbacks += custom_callbacks or []
        fitting.fit(model, batches, validation, self.config, self.epoch, epochs, callbacks)
        self.epoch = max(self.epoch, epochs)

    def compile(self, learning_rate: float, momentum: float) -> None:
        """Make the model ready to train, which `train` does itself."""
        model = self._keras_model_of(TrainingModel, "training", "compile")
        fitting.compile_for(model, self.config, learning_rate, momentum)

    def set_trainable(
        self,
        layer_regex: str,
        keras_model: LibraryModel | keras.Model | None = None,
        indent: int = 0,
        verbose: int = 1,
    ) -> None:
        """Let the layers learn whose whole name matches, and no others; print which."""
        if verbose:
            log("Selecting layers to train")
        for layer in choose_layers((keras_model or self.keras_model).layers, layer_regex):
            if verbose:
                log(f"{' ' * indent}{layer.name:20}   ({type(layer).__name__})")

    # Detection

    def detect(self, images: Sequence[npt.NDArray], verbose: int = 0) -> list[Answer]:
        """The objects in each image.

        Args:
            images: BATCH_SIZE images (H, W, channels), RGB, of any sizes.
            verbose: 1 prints what goes through the network.

        Raises:
            ValueError: the number of images is another, or an image or a setting does not fit.
            RuntimeError: the model is to train, or was made before this process was forked.
        """
        if isinstance(images, np.ndarray) and images.ndim < 4:
            raise ValueError(f"detect takes a list of images: [image] instead of an array {images.shape}")
        self._check_detects(len(images), "detect")
        if self.config.IMAGE_RESIZE_MODE == "crop":
            raise ValueError(
                'IMAGE_RESIZE_MODE "crop" cuts random parts out, to train: to detect, use "square" or "pad64"'
            )
        molded_images, image_metas, windows = self.mold_inputs(images)
        self._show(verbose, images, molded_images, image_metas)
        shapes = [image.shape for image in images]
        return find(self._engines, self.config, molded_images, image_metas, windows, shapes)

    def detect_molded(
        self, molded_images: Sequence[npt.NDArray] | npt.NDArray, image_metas: npt.NDArray, verbose: int = 0
    ) -> list[Answer]:
        """The objects in molded pictures, all of one size, such as of `load_image_gt` and `mold_image`.

        They are in pixels of these pictures. `image_metas` says where the image lies inside its padding.
        """
        self._check_detects(len(molded_images), "detect_molded")
        pictures = np.stack(list(molded_images))
        self._show(verbose, pictures, pictures, image_metas)
        shapes = [picture.shape for picture in pictures]
        whole = [(0, 0, *shape[:2]) for shape in shapes]
        return find(self._engines, self.config, pictures, np.asarray(image_metas), whole, shapes)

    def mold_inputs(self, images: Sequence[npt.NDArray]) -> tuple[Floats, npt.NDArray, npt.NDArray[np.int_]]:
        """See `detecting.molding.mold_inputs`."""
        return molding.mold_inputs(images, self.config)

    def unmold_detections(
        self,
        detections: npt.NDArray,
        mrcnn_mask: npt.NDArray,
        original_image_shape: Sequence[int],
        image_shape: Sequence[int],
        window: Sequence[int],
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Floats, npt.NDArray[np.bool_]]:
        """See `detecting.molding.unmold_detections`."""
        return molding.unmold_detections(detections, mrcnn_mask, original_image_shape, image_shape, window)

    def get_anchors(self, image_shape: Sequence[int]) -> Floats:
        """float32 (A, 4), normalised, for a picture of that shape; `anchors` has them in pixels."""
        self._picture_shape = image_shape
        height, width = (int(side) for side in image_shape[:2])
        return pyramid_anchors(typed(self.config), height, width)

    @property
    def anchors(self) -> npt.NDArray:
        """In pixels, float (A, 4) y1 x1 y2 x2, for the last picture shape that `get_anchors` got."""
        if self._picture_shape is None:
            return np.zeros((0, 4))
        return pixel_anchors(self.config, self._picture_shape)

    # Inspection

    def run_graph(
        self,
        images: Sequence[npt.NDArray] | npt.NDArray,
        outputs: Iterable[tuple[str, Any]],
        image_metas: npt.NDArray | None = None,
    ) -> OrderedDict[str, npt.NDArray]:
        """What the network computes on its way, by the names given in `outputs`.

        Args:
            images: as for `detect`; with `image_metas`, molded pictures.
            outputs: pairs of a name and an output of `keras_model.get_layer`, or of `ancestor`.
            image_metas: rows of the molded pictures.

        Raises:
            ValueError: an output is None or of another model.
        """
        pictures, metas = np.asarray(images), image_metas
        if metas is None:
            pictures, metas, _ = self.mold_inputs(list(images))
        self.get_anchors(pictures.shape[1:])
        return running.run(Values(self.keras_model.network, typed(self.config), pictures, metas), outputs)

    def ancestor(self, tensor: Any, name: str, checked: object = None) -> named.NamedValue | None:
        """The node `name` from which `tensor` is computed, for `run_graph`; None: there is none."""
        return named.ancestor(tensor, name)

    def find_trainable_layer(self, layer: Any) -> Any:
        """The layer that holds the weights: here no layer wraps another."""
        return layer

    def get_trainable_layers(self) -> list[keras.Layer]:
        """Every layer that has weights."""
        return [layer for layer in self.keras_model.layers if layer.weights]

    # What is needed

    def _show(
        self,
        verbose: int,
        images: Sequence[npt.NDArray] | npt.NDArray,
        pictures: Floats,
        image_metas: npt.NDArray,
    ) -> None:
        """Let `anchors` be those of the pictures, and print what goes through the network if `verbose`."""
        anchors = self.get_anchors(pictures.shape[1:])
        if verbose:
            log(f"Processing {len(images)} images")
            for image in images:
                log("image", image)
            log("molded_images", pictures)
            log("image_metas", np.asarray(image_metas))
            log("anchors", anchors)

    def _check_detects(self, count: int, call: str) -> None:
        self._keras_model_of(InferenceModel, "inference", call)
        self._check_process()
        if count != self.config.BATCH_SIZE:
            remedy = f": set GPU_COUNT = 1 and IMAGES_PER_GPU = {count} in your Config" if count else ""
            raise ValueError(f"{call} got {count} images, but BATCH_SIZE is {self.config.BATCH_SIZE}{remedy}")

    def _keras_model_of(self, kind: type[LibraryModel], mode: str, call: str) -> Any:
        if not isinstance(self.keras_model, kind):
            raise RuntimeError(f'{call} needs a model made with mode="{mode}"; this one has "{self.mode}"')
        return self.keras_model

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise RuntimeError(
                "this process was forked after the model was made, and TensorFlow would wait for ever: make "
                "the model in the process that uses it, or use multiprocessing.set_start_method('spawn')"
            )
