"""Importing: makes a bundle from a foreign model's file, or says why the file cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from model.engines.openvino import OpenVINORunner
from model.engines.stages import Runner
from model.families.family import Imported
from model.families.graphs.bundling import WEIGHTS, compare, write_graph
from model.families.graphs.closeness import answer_of, noise_for
from model.families.graphs.graph import Graph
from model.families.graphs.reading import read_source
from model.families.graphs.recognition import kind_of
from model.families.graphs.source import GraphError
from model.families.semantic.config import SemanticConfig
from model.families.semantic.graphs.bioimage import read_package
from model.families.semantic.graphs.normalizing import normalize
from model.families.semantic.specification import Options, Specification, specify
from model.families.semantic.stages import STAGES, largest_picture
from model.storage.manifest import Bundle, Manifest
from model.storage.writing import write_manifest

FAMILY = "semantic"
STEPS = ("read the file", "find out what it takes", "compare", "write")


def import_semantic(
    path: Path,
    folder: Path,
    name: str,
    options: Options,
    about: Mapping[str, Any],
    replaced: Manifest | None = None,
) -> Imported:
    """Make a bundle from a foreign model's file, after running it.

    Args:
        path: a file or folder of a kind that `graphs.recognition` knows.
        folder: where to write the bundle.
        name: of the bundle: lower-case letters, digits, dot, dash and underscore.
        options: the user's options.
        about: manifest values: licence, source, version, …; they take precedence over the file's.
        replaced: the manifest of the semantic model that the new one replaces: options that neither the
            user nor the file gives are taken from it, if they fit the file.

    Raises:
        FileNotFoundError: `path` does not exist.
        GraphError: the file cannot be used, or contradicts `options`; the message says what would fit.
    """
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
        specification = _specified(graph, options, package.told(graph) if package else None, replaced)
        _next(bar, 2)
        config = specification.config
        picture = noise_for(graph, config.divisor, config.value_range, config.std)
        answer = answer_of(graph.model, picture)
        sentences = compare(graph, picture, answer)
        if package:
            sentences.append(package.check(graph))
        _next(bar, 3)
        sentences += write_graph(graph, picture, answer, folder)
        told = {"source": f"imported from {path.name}", **(package.about if package else {})}
        bundle = write_manifest(folder, _manifest(name, specification, {**told, **about}))
        runner = _runner(bundle, config)
        bar.update()
    count = len(specification.classes) - 1
    classes = f"{count} class{'es' * (count > 1)}"
    summary = f"{config.gives}, {classes}, threshold {specification.threshold}"
    return Imported(bundle, runner, summary, (*specification.sentences, *sentences))


def _specified(
    graph: Graph, options: Options, told: Mapping[str, Any] | None, replaced: Manifest | None
) -> Specification:
    """The specification; missing options are taken from the replaced model, if they fit the file."""
    if replaced is not None:
        try:
            return specify(graph, options.completed(replaced, told or {}), told)
        except (GraphError, ValueError):
            pass  # another kind of graph: use the defaults
    return specify(graph, options, told)


def _runner(bundle: Bundle, config: SemanticConfig) -> Runner:
    return OpenVINORunner.open(bundle.stages_folder("f32"), STAGES, "f32", largest_picture(config))


def _next(bar: tqdm, step: int) -> None:
    bar.update()
    bar.set_description(STEPS[step])


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
        # The loss from bf16 is unknown until `export` has measured it with pictures.
        "exports": {"f32": {"passed": True}, "bf16": {"passed": False}},
        **about,
    }
