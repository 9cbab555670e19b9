"""Importing: makes a bundle from a foreign classifier's file, or says why the file cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.engines.openvino import OpenVINORunner
from model.families.classifier.foreign.scores import normalize
from model.families.classifier.foreign.specification import Options, Specification, specify
from model.families.classifier.stages import STAGES
from model.families.family import Imported
from model.families.graphs.bundling import WEIGHTS, compare, write_graph
from model.families.graphs.closeness import answer_of, noise_for
from model.families.graphs.graph import Graph
from model.families.graphs.reading import read_source
from model.families.graphs.recognition import kind_of
from model.families.graphs.source import GraphError
from model.storage.manifest import Manifest
from model.storage.writing import write_manifest


def import_foreign(
    path: Path,
    folder: Path,
    name: str,
    options: Options,
    about: Mapping[str, Any],
    replaced: Manifest | None = None,
) -> Imported:
    """Make a bundle from a foreign classifier's file, after running it.

    Args:
        path: a file or folder of a kind that `graphs.recognition` knows, but bioimage.io's.
        folder: where to write the bundle.
        name: of the bundle: lower-case letters, digits, dot, dash and underscore.
        options: the user's options.
        about: manifest values: licence, source, version, ….
        replaced: the manifest of the classifier that the new one replaces: options that the user does not
            give are taken from it, if they fit the file.

    Raises:
        FileNotFoundError: `path` does not exist.
        GraphError: the file cannot be used, or contradicts `options`; the message says what would fit.
    """
    if kind_of(path) == "bioimage":
        raise GraphError(
            f"{path.name} is a bioimage.io model, which gives maps: import it with --task semantic"
        )
    graph = normalize(
        read_source(path),
        output=options.output,
        layout=options.layout,
        channels=options.channel_count,
        size=options.size,
    )
    specification = _specified(graph, options, replaced)
    config = specification.config
    picture = noise_for(graph, 1, config.value_range, config.std)
    answer = answer_of(graph.model, picture)
    sentences = compare(graph, picture, answer)
    sentences += write_graph(graph, picture, answer, folder)
    values = {
        "name": name,
        "version": "1",
        "family": "classifier",
        "task": "classify",
        "classes": specification.classes,
        "threshold": specification.threshold,
        "licence": "unknown",
        "source": f"imported from {path.name}",
        "config": config.differences(),
        "weights": WEIGHTS,
        # The loss from bf16 is unknown until `export` has measured it with pictures.
        "exports": {"f32": {"passed": True}, "bf16": {"passed": False}},
        **about,
    }
    bundle = write_manifest(folder, values)
    runner = OpenVINORunner.open(bundle.stages_folder("f32"), STAGES, "f32", config.picture_shape)
    summary = f"a graph for {config.size[0]} x {config.size[1]} pixels, {len(specification.classes)} classes"
    return Imported(bundle, runner, summary, (*specification.sentences, *sentences))


def _specified(graph: Graph, options: Options, replaced: Manifest | None) -> Specification:
    """The specification; missing options are taken from the replaced classifier, if they fit the file."""
    if replaced is not None:
        try:
            return specify(graph, options.completed(replaced))
        except (GraphError, ValueError):
            pass  # another kind of graph: use the defaults
    return specify(graph, options)
