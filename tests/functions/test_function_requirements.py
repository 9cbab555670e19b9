"""The function is deployed with what it imports, in the versions that are tested here, and little else."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

FUNCTIONS = Path(__file__).parents[2] / "functions"
PYTHON = FUNCTIONS.parent / ".venv" / "function" / "bin" / "python"
MOST_BYTES = 80_000_000

# Of all distributions but what the environment itself is made with: version, modules, bytes.
LIST = """
import json, os
from importlib import metadata

modules = metadata.packages_distributions()
print(json.dumps({
    one.name.lower(): {
        "version": one.version,
        "modules": [module for module, names in modules.items() if one.name in names],
        "bytes": sum(os.path.getsize(path) for path in map(one.locate_file, one.files)),
    }
    for one in metadata.distributions() if one.name not in ("pip", "setuptools")
}))
"""

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="the function's environment is missing: make test sets it up"
)


@pytest.fixture(scope="module")
def installed() -> dict[str, dict[str, object]]:
    listed = subprocess.run([PYTHON, "-c", LIST], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(listed.stdout)


def pinned() -> dict[str, str]:
    lines = (FUNCTIONS / "requirements.in").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)  +# \S", lines, re.MULTILINE))


def imported() -> set[str]:
    """Modules as they are named in imports, but for the standard library's and the function's own."""
    names = set()
    for path in FUNCTIONS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
    own = {path.stem for path in FUNCTIONS.glob("*.py")}
    return {name for name in names if name.partition(".")[0] not in sys.stdlib_module_names | own}


def test_all_that_is_imported_is_pinned_to_what_is_tested(installed: dict[str, dict[str, object]]) -> None:
    pins = pinned()
    assert pins == {name: installed[name]["version"] for name in pins}
    modules = {module for name in pins for module in installed[name]["modules"]}  # type: ignore[attr-defined]

    missing = {name for name in imported() if name.partition(".")[0] not in modules}

    assert not missing


def test_every_pin_has_its_reason_and_is_imported(installed: dict[str, dict[str, object]]) -> None:
    lines = [line for line in (FUNCTIONS / "requirements.in").read_text().splitlines() if line[0] != "#"]
    pins = pinned()
    assert len(pins) == len(lines)
    names = {name.partition(".")[0] for name in imported()}
    assert all(names.intersection(installed[name]["modules"]) for name in pins)  # type: ignore[call-overload]


def test_what_is_deployed_is_small(installed: dict[str, dict[str, object]]) -> None:
    assert sum(one["bytes"] for one in installed.values()) < MOST_BYTES  # type: ignore[misc]
