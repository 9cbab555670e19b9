"""The family of semantic models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from model.engines.stages import Runner, StageSpec
from model.families.family import NoReference, Task
from model.families.semantic.config import SemanticConfig
from model.families.semantic.fit import seen_at_most
from model.families.semantic.predictor import SemanticPredictor
from model.manifest import Bundle, Manifest

STAGES = (StageSpec("trunk", inputs=1),)


class Semantic:
    """See `families.family.Family`."""

    name = "semantic"
    task: Task = "semantic"

    def check(self, manifest: Manifest) -> None:
        """See `families.family.Family`."""
        config = _config(manifest)
        count = len(manifest.classes)
        if manifest.task != self.task:
            raise ValueError(f'task {manifest.task!r}: a model of family "semantic" has task "semantic"')
        if config.gives == "binary" and count != 2:
            raise ValueError(
                f'gives "binary" has one class, classes names {count - 1}: name one beside "background", or '
                'use gives "classes" or "labels"'
            )
        if isinstance(config.background, int) and config.background >= count:
            raise ValueError(
                f"background {config.background}: with {count} classes channels are 0 to {count - 1}"
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
        config = _config(manifest)
        width, height = seen_at_most(config)
        return 1, height, width, config.channel_count

    def reference(self, bundle: Bundle, threads: int | None = None) -> Runner:
        """See `families.family.Family`."""
        raise NoReference(
            f"the model {bundle.manifest.name} has compiled stages only, which TensorFlow cannot run: "
            "use the openvino engine"
        )

    def predictor(self, manifest: Manifest, runner: Runner) -> SemanticPredictor:
        """See `families.family.Family`."""
        return SemanticPredictor(manifest, _config(manifest), runner)

    def inputs_of(
        self, manifest: Manifest, reference: Runner
    ) -> Callable[[str, npt.NDArray[np.uint8]], list[npt.NDArray] | None]:
        """What reaches the stage of a name for an image, uint8 (H, W, 3), RGB: for int8 to be made from."""
        predictor = self.predictor(manifest, reference)
        return lambda stage, image: [predictor.picture_of(image)]


FAMILY = Semantic()


def _config(manifest: Manifest) -> SemanticConfig:
    return SemanticConfig.from_json(manifest.config)
