"""ClassifierFamily: classifiers of whole pictures as a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from model.engines.stages import Runner, StageSpec
from model.families.classifier.config import ClassifierConfig
from model.families.classifier.predictor import ClassifierPredictor
from model.families.classifier.stages import STAGES
from model.families.family import Imported, InputsOf, NoReference, Training
from model.results.result import Task
from model.storage.manifest import Bundle, Manifest

if TYPE_CHECKING:
    import openvino as ov


class ClassifierFamily:
    """See `families.family.Family`."""

    name = "classifier"
    task: Task = "classify"
    importing = None
    reference_engine: Literal["tensorflow"] = "tensorflow"

    @property
    def training(self) -> Training:
        """See `families.family.Family`."""
        from model.families.classifier.training import command

        return command

    def check(self, manifest: Manifest) -> None:
        """See `families.family.Family`."""
        _config(manifest)
        if manifest.tile_overlap is not None:
            raise ValueError("tile_overlap: a classifier sees the whole picture, so delete it")
        if manifest.gate is not None or manifest.known_pictures is not None:
            raise ValueError("gate and known_pictures: a classifier has no gate, so delete them")

    def input_policy(self, manifest: Manifest) -> dict[str, Any]:
        """See `families.family.Family`."""
        size = _config(manifest).size
        return {"fit": "scale", "channels": "rgb", "size": [size, size]}

    def stages(self, manifest: Manifest) -> Sequence[StageSpec]:
        """See `families.family.Family`."""
        return STAGES

    def largest_picture(self, manifest: Manifest) -> tuple[int, ...]:
        """See `families.family.Family`."""
        size = _config(manifest).size
        return 1, size, size, 3

    def reference(self, bundle: Bundle, threads: int | None = None) -> Runner:
        """See `families.family.Family`."""
        if bundle.weights_path.suffix != ".h5":
            raise NoReference(
                f"the model {bundle.manifest.name} has compiled stages only, which TensorFlow cannot run: "
                "use the openvino engine"
            )
        # Imported here: serving with OpenVINO must neither wait for TensorFlow nor need it installed.
        from model.engines.tensorflow import limit_threads
        from model.families.classifier.network import ClassifierNetwork
        from model.families.classifier.weights import fill, read_weights

        if threads is not None:
            limit_threads(threads)
        network = ClassifierNetwork(_config(bundle.manifest), len(bundle.manifest.classes))
        path = bundle.weights_path
        fill([layer for layer in network.model.layers if layer.weights], read_weights(path), path.name)
        return network.runner()

    def graphs(self, bundle: Bundle, reference: Runner) -> dict[str, ov.Model]:
        """See `families.family.Family`."""
        from model.engines.conversion import convert
        from model.engines.tensorflow import TensorFlowRunner

        assert isinstance(reference, TensorFlowRunner)  # as reference_engine says
        return convert(reference)

    def predictor(self, manifest: Manifest, runner: Runner) -> ClassifierPredictor:
        """See `families.family.Family`."""
        return ClassifierPredictor(manifest, _config(manifest), runner)

    def inputs_of(self, manifest: Manifest, reference: Runner) -> InputsOf:
        """See `families.family.Family`."""
        predictor = self.predictor(manifest, reference)
        return lambda stage, image: [predictor.picture_of(image)]

    def import_file(
        self,
        path: Path,
        folder: Path,
        name: str,
        classes: list[str],
        wanted: Mapping[str, Any],
        about: Mapping[str, Any],
    ) -> Imported:
        """See `families.family.Family`. `classes` have no background."""
        from model.families.classifier.importing import import_weights

        return import_weights(path, folder, name, classes, wanted, about)


def _config(manifest: Manifest) -> ClassifierConfig:
    return ClassifierConfig.from_json(manifest.config)
