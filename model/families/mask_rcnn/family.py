"""MaskRCNNFamily: Mask R-CNN models as a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from model.engines.stages import Runner, StageSpec
from model.families.family import Imported, ImportPart, InputsOf, Training
from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.fit import largest_picture
from model.families.mask_rcnn.predictor import MaskRCNNPredictor
from model.families.mask_rcnn.stages import STAGES
from model.results.result import Task
from model.storage.manifest import Bundle, Manifest

if TYPE_CHECKING:
    import openvino as ov


class MaskRCNNFamily:
    """See `families.family.Family`."""

    name = "mask_rcnn"
    task: Task = "instance"

    @property
    def importing(self) -> ImportPart:
        """See `families.family.Family`."""
        from model.families.mask_rcnn import import_command

        return import_command

    @property
    def training(self) -> Training:
        """See `families.family.Family`."""
        from model.families.mask_rcnn import training

        return training

    def check(self, manifest: Manifest) -> None:
        """See `families.family.Family`."""
        config = _config(manifest)
        if config.num_classes != len(manifest.classes):
            raise ValueError(
                f"config has num_classes {config.num_classes}, but classes has {len(manifest.classes)} "
                "names: the numbers must be equal, as both include the background"
            )

    def input_policy(self, manifest: Manifest) -> dict[str, Any]:
        """See `families.family.Family`."""
        config = _config(manifest)
        return {
            "resize_mode": config.image_resize_mode,
            "min_dim": config.image_min_dim,
            "max_dim": config.image_max_dim,
            "tile_overlap": manifest.tile_overlap,
        }

    def stages(self, manifest: Manifest) -> Sequence[StageSpec]:
        """See `families.family.Family`."""
        return STAGES

    def largest_picture(self, manifest: Manifest) -> tuple[int, ...]:
        """See `families.family.Family`."""
        return (1, *largest_picture(_config(manifest)), 3)

    def reference_engine(self, manifest: Manifest) -> Literal["tensorflow"]:
        """See `families.family.Family`."""
        return "tensorflow"

    def reference(self, bundle: Bundle, threads: int | None = None) -> Runner:
        """See `families.family.Family`."""
        # Imported here: serving with OpenVINO must neither wait for TensorFlow nor need it installed.
        from model.engines.tensorflow import limit_threads
        from model.families.mask_rcnn.network import MaskRCNN, runner_of

        if threads is not None:
            limit_threads(threads)
        network = MaskRCNN(_config(bundle.manifest))
        network.load_weights(bundle.weights_path)
        return runner_of(network)

    def graphs(self, bundle: Bundle, reference: Runner) -> dict[str, ov.Model]:
        """See `families.family.Family`."""
        from model.engines.conversion import convert
        from model.engines.tensorflow import TensorFlowRunner

        assert isinstance(reference, TensorFlowRunner)  # as reference_engine says
        return convert(reference)

    def predictor(self, manifest: Manifest, runner: Runner) -> MaskRCNNPredictor:
        """See `families.family.Family`."""
        return MaskRCNNPredictor(manifest, _config(manifest), runner)

    def inputs_of(self, manifest: Manifest, reference: Runner) -> InputsOf:
        """See `families.family.Family`."""
        from model.families.mask_rcnn.calibration import StageInputs

        return StageInputs(reference, _config(manifest))

    def import_file(
        self,
        path: Path,
        folder: Path,
        name: str,
        classes: list[str],
        wanted: Mapping[str, Any],
        about: Mapping[str, Any],
    ) -> Imported:
        """See `families.family.Family`."""
        from model.families.mask_rcnn.importing import import_weights

        return import_weights(path, folder, name, classes, wanted, about)


def _config(manifest: Manifest) -> Config:
    return Config.from_json(manifest.config)
