"""Who may import whom: the rules of the design, held against every file."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGES = ("app", "front", "functions", "imgaug", "model", "mrcnn", "pipelines")
NETWORK_LIBRARIES = ("keras", "tensorflow", "jax", "torch")
OLD_NAMES = ("mrcnn", "imgaug")
"""The packages of other projects' names, for scripts of users: nothing of this project imports them."""


@dataclass(frozen=True)
class Import:
    """One import.

    Attributes:
        target: dotted name, of a module or of something in it.
        lazy: it runs with a function, or never (`if TYPE_CHECKING`), and not when the module is imported.
    """

    target: str
    lazy: bool


def imports_of(source: str, package: str) -> set[Import]:
    """Every import of a module that lies in `package`, which relative imports count from.

    `from a import b` gives a.b, since b may be a module; `rules` look at prefixes, so a is in it.
    """
    return set(_imports_below(ast.parse(source), package, lazy=False))


def _imports_below(node: ast.AST, package: str, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, lazy) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) + 1 - child.level] if child.level else []
            base = ".".join([*parents, *filter(None, [child.module])])
            yield from (Import(f"{base}.{alias.name}", lazy) for alias in child.names)
        elif isinstance(child, ast.Call) and _called(child) in ("import_module", "__import__"):
            name = child.args[0]
            if isinstance(name, ast.JoinedStr):
                name = name.values[0]  # f"model.commands.{name}": at least where it begins
            if isinstance(name, ast.Constant):
                yield Import(str(name.value).rstrip("."), lazy)
        function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _imports_below(child, package, lazy or function or _is_for_type_checkers(child))


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def within(target: str, *packages: str) -> bool:
    return any(target == package or target.startswith(f"{package}.") for package in packages)


def modules() -> dict[str, Path]:
    """Every module of the project by its dotted name."""
    paths = [path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py")]
    return {name_of(path.relative_to(REPOSITORY)): path for path in paths}


def name_of(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = modules()


class Imports(dict[str, set[Import]]):
    """The imports of each module, which is read when a test first asks: every process collects this file."""

    def __missing__(self, name: str) -> set[Import]:
        path = MODULES[name]
        package = name if path.stem == "__init__" else name.rpartition(".")[0]
        self[name] = imports_of(path.read_text(), package)
        return self[name]


IMPORTS = Imports()


def loaded_with(module: str) -> set[str]:
    """All that importing a module of the project imports: the project's modules, and names beyond it."""
    loaded: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in loaded:
            continue
        loaded.add(name)
        waiting += [name[:i] for i, letter in enumerate(name) if letter == "." and name[:i] in MODULES]
        if name in MODULES:
            waiting += [found.target for found in IMPORTS[name] if not found.lazy]
    return loaded


def test_the_project_was_found() -> None:
    assert len(MODULES) > 60
    assert {
        "app",
        "app.routes.api",
        "functions.main",
        "model.segmenter",
        "model.families.mask_rcnn.network",
    } <= set(MODULES)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import flask", {("flask", False)}),
        ("import google.cloud.storage as gcs", {("google.cloud.storage", False)}),
        (
            "from model.results import masks, segments",
            {("model.results.masks", False), ("model.results.segments", False)},
        ),
        ("from . import boxes", {("model.families.mask_rcnn.boxes", False)}),
        ("from .boxes import iou", {("model.families.mask_rcnn.boxes.iou", False)}),
        ("from ...results.masks import paste", {("model.results.masks.paste", False)}),
        ("def run():\n    import keras", {("keras", True)}),
        ("class A:\n    def run(self):\n        from app import api", {("app.api", True)}),
        ("class A:\n    import keras", {("keras", False)}),  # a class body runs at once
        ("try:\n    import jax\nexcept ImportError:\n    pass", {("jax", False)}),
        ("if TYPE_CHECKING:\n    import keras", {("keras", True)}),
        (
            "import importlib\nimportlib.import_module('app.routes.api')",
            {("importlib", False), ("app.routes.api", False)},
        ),
        ("x = __import__('flask')", {("flask", False)}),
        ("m = import_module(f'model.commands.{name}')", {("model.commands", False)}),
        ("text = 'import flask'", set()),  # words about an import are none
    ],
)
def test_the_walker_sees_every_kind_of_import(source: str, expected: set[tuple[str, bool]]) -> None:
    found = imports_of(source, "model.families.mask_rcnn")

    assert {(one.target, one.lazy) for one in found} == expected


def test_a_broken_rule_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODULES, "model.broken", Path("model/broken.py"))
    monkeypatch.setitem(IMPORTS, "model.broken", imports_of("def f():\n    from app import api", "model"))
    with pytest.raises(AssertionError, match=r"model\.broken imports app\.api"):
        test_layers_import_only_what_lies_below_them("model", ("app",))

    monkeypatch.setitem(
        IMPORTS,
        "model.results.segments",
        imports_of("from model.families.mask_rcnn.network import MaskRCNN", "model.results"),
    )
    with pytest.raises(AssertionError, match="keras"):
        test_serving_from_compiled_stages_needs_no_keras("model.formats.json")

    monkeypatch.setitem(IMPORTS, "app.serving.turns", imports_of("def f():\n    import app.service", ""))
    with pytest.raises(AssertionError, match=r"app\.serving\.turns imports app\.service"):
        test_each_room_imports_only_rooms_below_it("app")

    monkeypatch.setitem(IMPORTS, "app.serving.turns", imports_of("from app.serving import admission", ""))
    circle = r"circle: app\.serving\.admission, app\.serving\.turns\n"
    with pytest.raises(AssertionError, match=circle):
        test_no_modules_import_each_other_in_a_circle("app")


@pytest.mark.parametrize(
    ("importer", "forbidden"),
    [
        ("front", ("app", "functions", "model", "pipelines", *OLD_NAMES)),  # starts at once, and is small
        (
            "model",
            ("app", "front", "functions", "pipelines", *OLD_NAMES),
        ),  # a library, usable without the service
        ("app", ("pipelines", "apache_beam", *OLD_NAMES)),
        ("mrcnn", ("app", "front", "functions", "pipelines", "model.commands")),  # Matterport's names over it
        ("imgaug", ("app", "front", "functions", "model", "pipelines")),
        ("model", ("flask", "werkzeug")),  # knows nothing of HTTP
        ("model", ("google", "googleapiclient", "gcsfs")),  # nor of any cloud
        (
            "pipelines",
            ("app", "front", "functions", "scripts", *OLD_NAMES, *NETWORK_LIBRARIES),
        ),  # a face of model, like app
        ("model", ("apache_beam", "pyarrow")),
        ("functions", ("app", "model", "pipelines", "scripts", *OLD_NAMES)),  # talks to the service over HTTP
        ("functions", ("grpc", "google.api_core", "google.cloud")),  # they take seconds to import
        ("app", ("front", "functions", *NETWORK_LIBRARIES)),  # knows nothing of networks
        (
            "app",
            ("model.families.mask_rcnn", "model.engines", "model.commands", "model.data", "model.evaluation"),
        ),
        ("app", ("uwsgi", "uwsgidecorators")),  # only uwsgi.ini knows the server
        ("model", ("uwsgi", "uwsgidecorators")),
        ("app.errors", ("flask", "werkzeug", "model")),
        ("app.fetching", ("flask", "werkzeug")),
        ("model.families", ("model.commands", "model.__main__", "model.formats")),
        ("model.engines", ("model.families", "model.segmenter", "model.catalog", "model.commands")),
        ("model.storage.manifest", ("model.families", "model.engines", "model.catalog")),
        ("model.catalog", ("model.segmenter", "model.engines", "model.commands")),
        ("model.segmenter", ("model.formats", "model.commands", "model.data", "model.evaluation")),
        ("model.data", ("model.families", "model.segmenter", "model.engines", "model.evaluation")),
        (
            "model.evaluation",
            ("model.families", "model.segmenter", "model.engines", "model.catalog"),
        ),
        ("model.publishing.fetching", ("model.commands", "model.__main__")),
    ],
)
def test_layers_import_only_what_lies_below_them(importer: str, forbidden: tuple[str, ...]) -> None:
    """Also lazily: an import inside a function is one more way to reach up."""
    for name in MODULES:
        for found in IMPORTS[name] if within(name, importer) else ():
            assert not within(found.target, *forbidden), f"{name} imports {found.target}"


FLOORS = {
    "app": (
        ("errors", "probe"),
        ("configuration", "monitoring"),  # monitoring is told what there is; it asks nobody
        ("access", "fetching", "shadow"),
        ("versions",),
        ("serving",),
        ("requests",),
        ("service",),
        ("answering", "openapi"),
        ("feedback",),
        ("routes",),
    ),
    "model": (
        ("files", "malloc", "results", "stopwatch"),
        ("pictures", "engines"),
        ("drift", "measures"),
        ("data", "storage"),
        ("checking", "evaluation", "training"),
        ("families",),
        ("catalog", "mrcnn"),
        ("segmenter",),
        ("answers", "experiments", "publishing", "shadowing", "trial"),
        ("formats",),
        ("answering", "given"),
        ("commands",),
        ("__main__",),
    ),
    "imgaug": (
        ("choices", "hooks", "randomness"),
        ("pixels",),
        ("augmenters",),
    ),
    "front": (
        ("heads", "holding", "problems", "workers"),
        ("bodies",),
        ("exchanges",),
        ("listening",),
        ("__main__",),
    ),
}
"""The rooms and loose modules of each package, the ground first. On top is `create_app`, in app itself."""

MOST_LOOSE_MODULES = {"app": 3, "front": 8, "imgaug": 4, "model": 7}


def room_of(module: str) -> str:
    """The room, or the loose module, of a package that a dotted name is in; empty for the package itself."""
    return f"{module}.".split(".")[1]


@pytest.mark.parametrize("package", FLOORS)
def test_every_room_has_a_floor(package: str) -> None:
    rooms = {room_of(name) for name in MODULES if within(name, package)} - {""}
    assert rooms == {room for floor in FLOORS[package] for room in floor}
    loose = [room for room in rooms if MODULES[f"{package}.{room}"].stem == room]
    assert len(loose) <= MOST_LOOSE_MODULES[package]


@pytest.mark.parametrize("package", FLOORS)
def test_each_room_imports_only_rooms_below_it(package: str) -> None:
    """Also lazily. So there is no circle of rooms, and none that a room would have with its package."""
    for number, floor in enumerate(FLOORS[package]):
        below = {room for lower in FLOORS[package][:number] for room in lower}
        for name in (name for name in MODULES if within(name, *(f"{package}.{room}" for room in floor))):
            for found in IMPORTS[name]:
                if within(found.target, package):
                    assert room_of(found.target) in {*below, room_of(name)}, f"{name} imports {found.target}"


@pytest.mark.parametrize("package", FLOORS)
def test_no_modules_import_each_other_in_a_circle(package: str) -> None:
    """Also lazily. A module that imports none, or that none imports, is in no circle: it is taken away."""
    left = {
        name: {module_of(found.target) for found in IMPORTS[name] if within(found.target, package)} - {name}
        for name in MODULES
        if within(name, package)
    }
    while left:
        imported = {target for targets in left.values() for target in targets}
        free = {name for name, targets in left.items() if name not in imported or not targets & left.keys()}
        assert free, f"these import each other in a circle: {', '.join(sorted(left))}"
        left = {name: targets for name, targets in left.items() if name not in free}


def module_of(target: str) -> str:
    """The module that a dotted name is, or lies in."""
    return target if target in MODULES else target.rpartition(".")[0]


FAMILY_FOLDERS = sorted(path.parent.name for path in (REPOSITORY / "model" / "families").glob("*/family.py"))
FACES = {"mask_rcnn": ("model.mrcnn", "mrcnn")}
"""Of a family, the modules and packages outside its folder by whose names it is known."""


@pytest.mark.parametrize("family", FAMILY_FOLDERS)
def test_nothing_but_the_registry_and_its_face_knows_a_family(family: str) -> None:
    room = f"model.families.{family}"
    allowed = (room, "model.families.registry", *FACES.get(family, ()))
    importers = {name for name in MODULES for found in IMPORTS[name] if within(found.target, room)}
    assert importers, f"{family} is not in the registry"
    assert [name for name in importers if not within(name, *allowed)] == []


@pytest.mark.parametrize(
    ("importer", "allowed"),
    [
        ("model.results.segments", ()),  # everything ends here
        ("model.results.masks", ("model.results.segments",)),
        ("model.results.polygons", ("model.results.segments", "model.results.masks")),
        ("model.results.classification", ()),
        ("model.results.result", ("model.results.classification", "model.results.segments")),
        (
            "model.answers.gate",
            ("model.catalog", "model.pictures.familiarity", "model.segmenter", "model.storage.manifest"),
        ),
        (
            "model.answers.choosing",
            ("model.answers.gate", "model.storage.manifest", "model.results.result", "model.segmenter"),
        ),
        (
            "model.answers.finding",
            (
                *(
                    "model.answers.choosing",
                    "model.answers.gate",
                    "model.measures",
                    "model.storage.manifest",
                    "model.pictures",
                    "model.results.result",
                ),
                *("model.results.segments", "model.results.corrections", "model.stopwatch"),
            ),
        ),
        ("model.answers.file_notes", ("model.answers.finding", "model.pictures.rows")),
        (
            "model.formats",
            (
                *("model.results.segments", "model.results.masks", "model.results.polygons"),
                *("model.results.result", "model.results.corrections"),
                *("model.answers.finding", "model.formats", "model.measures"),
                "model.files.whole_files",
            ),
        ),
        ("model.measures", ("model.measures", "model.results.masks", "model.results.segments")),
        ("model.pictures.tiles", ()),
        ("model.pictures.bilinear", ()),
        ("model.engines.stages", ()),
        ("model.pictures.limits", ()),
        ("model.pictures.rows", ("model.pictures.limits",)),
        ("model.pictures.other_files", ()),
        ("model.pictures.headers", ("model.pictures.limits", "model.pictures.other_files")),
        ("model.pictures.exif", ()),
        ("model.pictures.av1", ("model.pictures.limits",)),
        ("model.pictures.heif_boxes", ("model.pictures.limits",)),
        ("model.pictures.avif_tracks", ("model.pictures.heif_boxes", "model.pictures.limits")),
        (
            "model.pictures.heif",
            (
                *("model.pictures.av1", "model.pictures.avif_tracks"),
                *("model.pictures.heif_boxes", "model.pictures.limits"),
            ),
        ),
        ("model.pictures.profiles", ()),
        ("model.pictures.blocks", ()),
        ("model.pictures.marks", ("model.pictures.blocks",)),
        ("model.pictures.bulk", ("model.pictures.blocks", "model.pictures.marks")),
        (
            "model.pictures.colours",
            (
                *("model.pictures.blocks", "model.pictures.bulk"),
                *("model.pictures.limits", "model.pictures.profiles"),
            ),
        ),
        ("model.pictures.bmp", ("model.pictures.limits",)),
        ("model.pictures.gif", ("model.pictures.limits",)),
        ("model.pictures.jpeg", ("model.pictures.exif", "model.pictures.limits")),
        ("model.pictures.webp", ("model.pictures.limits",)),
        ("model.pictures.endings", ("model.pictures.jpeg",)),
        (
            "model.pictures.png",
            ("model.pictures.colours", "model.pictures.exif", "model.pictures.limits"),
        ),
        ("model.pictures.tiff_pages", ("model.pictures.limits",)),
        ("model.pictures.tiff_directory", ("model.pictures.limits", "model.pictures.tiff_pages")),
        (
            "model.pictures.tiff_layout",
            ("model.pictures.limits", "model.pictures.tiff_directory", "model.pictures.tiff_pages"),
        ),
        (
            "model.pictures.tiff",
            (
                *("model.pictures.blocks", "model.pictures.colours", "model.pictures.jpeg"),
                *("model.pictures.limits", "model.pictures.tiff_directory", "model.pictures.tiff_layout"),
                "model.pictures.tiff_pages",
            ),
        ),
        (
            "model.pictures.tiff_pictures",
            (
                *("model.pictures.limits", "model.pictures.rows"),
                *("model.pictures.tiff_directory", "model.pictures.tiff_pages"),
            ),
        ),
        ("model.pictures.descriptions", ("model.pictures.tiff_directory",)),
        (
            "model.pictures.tiff_planes",
            (
                *("model.pictures.descriptions", "model.pictures.limits", "model.pictures.rows"),
                *("model.pictures.tiff_layout", "model.pictures.tiff_pages", "model.pictures.tiff_pictures"),
            ),
        ),
        ("model.pictures.units", ()),
        ("model.pictures.ome", ("model.pictures.units",)),
        (
            "model.pictures.pixel_size",
            (
                *("model.pictures.descriptions", "model.pictures.limits", "model.pictures.ome"),
                *("model.pictures.tiff_directory", "model.pictures.units"),
            ),
        ),
        (
            "model.pictures.projection",
            ("model.pictures.blocks", "model.pictures.colours", "model.pictures.limits"),
        ),
        ("model.pictures.origin", ("model.pictures.projection",)),
        ("model.pictures", ("model.malloc", "model.pictures")),
        ("model.stopwatch", ()),
        ("model.pictures.familiarity", ()),
    ],
)
def test_what_everything_stands_on_stands_on_nothing_else(importer: str, allowed: tuple[str, ...]) -> None:
    checked = [name for name in MODULES if within(name, importer)]
    assert checked, f"{importer} is gone: this rule holds nothing"
    for name in checked:
        own = [found.target for found in IMPORTS[name] if within(found.target, *PACKAGES)]
        assert [target for target in own if not within(target, *allowed)] == []


@pytest.mark.parametrize(
    "module",
    [
        *(
            f"model.families.mask_rcnn.{name}"
            for name in ("anchors", "boxes", "config", "detections", "inference", "molding", "proposals")
        ),
        *(name for name in sorted(MODULES) if within(name, "model.formats")),
        "model.results.masks",
        "model.results.polygons",
        "model.results.segments",
        "model.pictures.tiles",
        "model.pictures",
        "model.catalog",
        "model.answering",
        "model.segmenter",
        "model.mrcnn",  # Config alone
        "mrcnn.visualize",
        "imgaug",
        *(name for name in sorted(MODULES) if within(name, "app")),
        *(name for name in sorted(MODULES) if within(name, "model.commands")),  # --help at once
    ],
)
def test_serving_from_compiled_stages_needs_no_keras(module: str) -> None:
    assert module in MODULES, f"{module} is gone: this rule holds nothing"
    assert sorted(name for name in loaded_with(module) if within(name, *NETWORK_LIBRARIES)) == []


def test_neither_the_service_nor_the_command_line_loads_tensorflow() -> None:
    script = f"""
import sys
import app, model.segmenter, model.__main__
try:
    model.__main__.main(["segment", "--help"])
except SystemExit:
    pass
loaded = sorted(set(sys.modules) & set({NETWORK_LIBRARIES!r}))
sys.exit(f"loaded {{loaded}}" if loaded else 0)
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True)

    assert ended.returncode == 0, ended.stderr
    assert "--threshold" in ended.stdout


def test_no_module_imports_uwsgi() -> None:
    folders = [entry for entry in REPOSITORY.iterdir() if not entry.name.startswith(".")]
    paths = [path for folder in folders for path in folder.rglob("*.py")]
    assert len(paths) > len(MODULES)  # tests and scripts too
    for path in paths:
        for found in imports_of(path.read_text(), ""):
            assert not within(found.target, "uwsgi", "uwsgidecorators"), f"{path} imports {found.target}"


def test_experiments_are_no_part_of_serving_and_load_only_what_is_asked_for() -> None:
    for name in ("requirements-serve.txt", "requirements-train.txt", "requirements.txt"):
        text = (REPOSITORY / name).read_text()
        assert not [word for word in ("mlflow", "optuna", "requirements-experiments") if word in text]
    for name in MODULES:
        for found in IMPORTS[name]:
            if within(found.target, "mlflow", "optuna"):
                assert within(name, "model.experiments"), f"{name} imports {found.target}"
                assert found.lazy, f"{name} imports {found.target} before it is used"
        if not within(name, "model.experiments", "model.commands"):
            targets = [found.target for found in IMPORTS[name]]
            assert not [one for one in targets if within(one, "model.experiments")], name
