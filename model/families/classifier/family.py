"""ClassifierFamily: classifiers of whole pictures as a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from model.engines.stages import Runner, StageSpec
from model.families.classifier.config import ClassifierConfig
from model.families.classifier.foreign.config import FOREIGN, ForeignConfig
from model.families.classifier.predictor import ClassifierPredictor, Config
from model.families.classifier.stages import STAGES
from model.families.family import Imported, ImportPart, InputsOf, NoReference, Training
from model.results.result import Task
from model.storage.manifest import Bundle, Manifest

if TYPE_CHECKING:
    import openvino as ov

WEIGHTS_SUFFIX = ".h5"
"""Of weights that Keras reads; other models have compiled stages only."""


class ClassifierFamily:
    """See `families.family.Family`."""

    name = "classifier"
    task: Task = "classify"

    @property
    def importing(self) -> ImportPart:
        """See `families.family.Family`."""
        from model.families.classifier import import_command

        return import_command

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
        config = _config(manifest)
        channels = config.channels if isinstance(config, ForeignConfig) else "rgb"
        _, height, width, _ = config.picture_shape
        return {"fit": "scale", "channels": channels, "size": [width, height]}

    def stages(self, manifest: Manifest) -> Sequence[StageSpec]:
        """See `families.family.Family`."""
        return STAGES

    def largest_picture(self, manifest: Manifest) -> tuple[int, ...]:
        """See `families.family.Family`."""
        return _config(manifest).picture_shape

    def reference_engine(self, manifest: Manifest) -> Literal["tensorflow", "openvino"]:
        """See `families.family.Family`."""
        return "tensorflow" if Path(manifest.weights).suffix == WEIGHTS_SUFFIX else "openvino"

    def reference(self, bundle: Bundle, threads: int | None = None) -> Runner:
        """See `families.family.Family`."""
        config = _config(bundle.manifest)
        if bundle.weights_path.suffix != WEIGHTS_SUFFIX or isinstance(config, ForeignConfig):
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
        network = ClassifierNetwork(config, len(bundle.manifest.classes))
        path = bundle.weights_path
        fill([layer for layer in network.model.layers if layer.weights], read_weights(path), path.name)
        return network.runner()

    def graphs(self, bundle: Bundle, reference: Runner) -> dict[str, ov.Model]:
        """See `families.family.Family`. Of a model without weights of its own, its compiled stages."""
        if self.reference_engine(bundle.manifest) == "openvino":
            from model.engines.conversion import stages_in

            return stages_in(bundle.stages_folder("f32"), STAGES)
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


def _config(manifest: Manifest) -> Config:
    kind = ForeignConfig if manifest.config.get("network") == FOREIGN else ClassifierConfig
    return kind.from_json(manifest.config)
