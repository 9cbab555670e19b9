"""Importing: a foreign model's file becomes a bundle, or is refused with what would fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
from tqdm import tqdm

from model import catalog
from model.engines.openvino import OpenVINORunner
from model.families.registry import family_named
from model.families.semantic.config import SemanticConfig
from model.families.semantic.graphs.bioimage import Package, read_package
from model.families.semantic.graphs.closeness import (
    LARGEST_ROUNDING,
    LARGEST_SHARE,
    answer_of,
    check_against,
    check_finite,
    noise_for,
    rounding_of,
)
from model.families.semantic.graphs.graph import Floats, Graph
from model.families.semantic.graphs.normalizing import normalize
from model.families.semantic.graphs.reading import read_source
from model.families.semantic.graphs.recognition import kind_of
from model.families.semantic.specification import Options, Specification, specify
from model.manifest import Bundle
from model.segmenter import Segmenter
from model.selftest import record_self_test

FAMILY = "semantic"
STAGE = "trunk"
WEIGHTS = f"openvino/f32/{STAGE}.bin"
STEPS = ("read the file", "find out what it takes", "compare", "write")


@dataclass(frozen=True)
class Imported:
    """A bundle that was made.

    Attributes:
        bundle: in `model_dir`.
        specification: what it does, and what was assumed.
    """

    bundle: Bundle
    specification: Specification


def import_semantic(
    path: Path,
    name: str,
    options: Options,
    about: Mapping[str, Any],
    test_image: npt.NDArray[np.uint8] | None = None,
) -> Imported:
    """Make a bundle in `model_dir` from a foreign model's file, after running it.

    Args:
        path: a file or folder of a kind that `graphs.recognition` knows.
        name: of the bundle: lower-case letters, digits, dot, dash and underscore.
        options: what the user says of the model.
        about: manifest values: licence, source, version, …; they take precedence over what the file says.
        test_image: uint8 (H, W, 3), RGB, in which the model finds something: for its self-test.

    Raises:
        FileNotFoundError: nothing is at `path`.
        GraphError: the file cannot be used, or contradicts `options`; says what would fit.
    """
    catalog.check_name(name)
    kind = kind_of(path)
    with tqdm(
        total=len(STEPS), desc=STEPS[0], bar_format="{desc:<24}{bar:20} {n}/{total} [{elapsed}<{remaining}]"
    ) as bar:
        package = read_package(path, options.output) if kind == "bioimage" else None
        source = package.source if package else read_source(path)
        _next(bar, 1)
        graph = normalize(
            source,
            output=package.output if package else options.output,
            layout=options.layout or (package.layout if package else None),
            channels=options.channel_count,
            size=options.size or (package.size if package else None),
        )
        if package:
            graph = package.completed(graph)
        specification = specify(graph, options, package.told(graph) if package else None)
        _next(bar, 2)
        picture = _noise(graph, specification.config)
        answer = answer_of(graph.model, picture)
        sentences = _compare(graph, picture, answer, package)
        _next(bar, 3)
        with catalog.new_bundle(name) as folder:
            sentences += _save(graph, picture, answer, folder)
            told = {"source": f"imported from {path.name}", **(package.about if package else {})}
            bundle = catalog.write_manifest(folder, _manifest(name, specification, {**told, **about}))
            if test_image is not None:
                record_self_test(bundle, _segmenter(bundle).predict, test_image)
        bar.update()
    said = Specification(
        specification.config,
        specification.classes,
        specification.threshold,
        (*specification.sentences, *sentences),
    )
    return Imported(catalog.find(name), said)


def _segmenter(bundle: Bundle) -> Segmenter:
    family = family_named(FAMILY)
    stages, largest = family.stages(bundle.manifest), family.largest_picture(bundle.manifest)
    runner = OpenVINORunner.open(bundle.stages_folder("f32"), stages, "f32", largest)
    return Segmenter(bundle, runner)


def _next(bar: tqdm, step: int) -> None:
    bar.update()
    bar.set_description(STEPS[step])


def _noise(graph: Graph, config: SemanticConfig) -> Floats:
    largest = 255.0 if config.value_range == "0-255" and not config.std else 1.0
    return noise_for(graph, config.divisor, largest)


def _compare(graph: Graph, picture: Floats, answer: npt.NDArray, package: Package | None) -> list[str]:
    """Hold the graph's answer to its file's own runtime and its test tensors; what was found out."""
    check_finite(graph, answer)
    sentences = []
    if graph.run is not None:
        check_against(graph.run, graph, picture, answer)
        sentences.append("It answers as its file does in TensorFlow.")
    if package:
        sentences.append(package.check(graph))
    return sentences


def _save(graph: Graph, picture: Floats, answer: npt.NDArray, bundle: Path) -> list[str]:
    """Write the graph, its weights in 16 bits unless that costs too much."""
    path = (bundle / WEIGHTS).with_suffix(".xml")
    path.parent.mkdir(parents=True)
    ov.save_model(graph.model, path, compress_to_fp16=True)
    lost = rounding_of(ov.Core().read_model(path), picture, answer)
    if lost <= (LARGEST_SHARE if graph.ending.kind == "class_ids" else LARGEST_ROUNDING):
        return []
    ov.save_model(graph.model, path, compress_to_fp16=False)
    if not np.isfinite(lost):
        return ["Its weights are kept in 32 bits: some are too large for 16."]
    return [f"Its weights are kept in 32 bits: 16 would change its answers by {lost:.1%} of their range."]


def _manifest(name: str, specification: Specification, about: Mapping[str, Any]) -> dict[str, Any]:
    defaults = asdict(SemanticConfig())
    config = asdict(specification.config)
    return {
        "name": name,
        "version": "1",
        "family": FAMILY,
        "task": "semantic",
        "classes": specification.classes,
        "threshold": specification.threshold,
        "licence": "unknown",
        "config": {key: value for key, value in config.items() if value != defaults[key]},
        "weights": WEIGHTS,
        # What bf16 loses is not known before `export` has measured it with pictures.
        "exports": {"f32": {"passed": True}, "bf16": {"passed": False}},
        **about,
    }
