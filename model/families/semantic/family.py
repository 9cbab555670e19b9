"""SemanticFamily: semantic segmentation models as a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from model.engines.stages import Runner, StageSpec
from model.families.family import Imported, ImportPart, InputsOf, NoReference, Training
from model.families.semantic.config import SemanticConfig
from model.families.semantic.predictor import SemanticPredictor
from model.families.semantic.stages import STAGES, largest_picture
from model.results.result import Task
from model.storage.manifest import Bundle, Manifest

if TYPE_CHECKING:
    import openvino as ov


class SemanticFamily:
    """See `families.family.Family`."""

    name = "semantic"
    task: Task = "semantic"

    @property
    def importing(self) -> ImportPart:
        """See `families.family.Family`."""
        from model.families.semantic import import_command

        return import_command

    @property
    def training(self) -> Training | None:
        """See `families.family.Family`."""
        from model.families.semantic.training import command

        return command

    def check(self, manifest: Manifest) -> None:
        """See `families.family.Family`."""
        config = _config(manifest)
        count = len(manifest.classes)
        if config.gives == "binary" and count != 2:
            raise ValueError(
                f'gives "binary" has one class, but classes has {count - 1}: give one besides "background", '
                'or use gives "classes" or "labels"'
            )
        if isinstance(config.background, int) and config.background >= count:
            raise ValueError(
                f"background {config.background}: with {count} classes, the channels are 0 to {count - 1}"
            )
        if manifest.tile_overlap is not None:
            raise ValueError("tile_overlap belongs in the config of a semantic model: move it there")

    def input_policy(self, manifest: Manifest) -> dict[str, Any]:
        """See `families.family.Family`."""
        config = _config(manifest)
        policy: dict[str, Any] = {"fit": config.fit, "channels": config.channels}
        if config.size is None:
            policy |= {"max_side": config.max_side, "divisor": config.divisor}
        else:
            policy["size"] = list(config.size)
        if config.fit == "tile":
            policy |= {"tile_overlap": config.tile_overlap, "halo": config.halo}
        return policy

    def stages(self, manifest: Manifest) -> Sequence[StageSpec]:
        """See `families.family.Family`."""
        return STAGES

    def largest_picture(self, manifest: Manifest) -> tuple[int, ...]:
        """See `families.family.Family`."""
        return largest_picture(_config(manifest))

    def reference_engine(self, manifest: Manifest) -> Literal["openvino"]:
        """See `families.family.Family`."""
        return "openvino"

    def reference(self, bundle: Bundle, threads: int | None = None) -> Runner:
        """See `families.family.Family`."""
        raise NoReference(
            f"the model {bundle.manifest.name} has compiled stages only, which TensorFlow cannot run: "
            "use the openvino engine"
        )

    def graphs(self, bundle: Bundle, reference: Runner) -> dict[str, ov.Model]:
        """See `families.family.Family`. These are the bundle's compiled stages."""
        from model.engines.conversion import stages_in

        return stages_in(bundle.stages_folder("f32"), STAGES)

    def predictor(self, manifest: Manifest, runner: Runner) -> SemanticPredictor:
        """See `families.family.Family`."""
        return SemanticPredictor(manifest, _config(manifest), runner)

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
        """See `families.family.Family`."""
        from model.families.semantic.importer import import_semantic
        from model.families.semantic.specification import Options

        options = Options(classes=classes[1:], **wanted)
        return import_semantic(path, folder, name, options, about)


def _config(manifest: Manifest) -> SemanticConfig:
    return SemanticConfig.from_json(manifest.config)
