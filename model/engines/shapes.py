"""Shapes: runs a first stage with open sizes, or compiles it for each shape, and pools the requests to it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openvino as ov

from model import malloc

FIRST = "first"
"""The key, among the compiled stages, of the stage that gets the picture."""
SHAPES_KEPT = 4
"""For how many of the last picture shapes the first stage stays compiled. Each takes 35 MB or more, including
a copy of the weights in its own layout; compiling for a new shape takes half a second or more."""


class Requests:
    """The requests that one picture needs: one for each stage, with memory for its outputs."""

    def __init__(self, compiled: Mapping[str, ov.CompiledModel]) -> None:
        self.of = {stage: model.create_infer_request() for stage, model in compiled.items()}


class Pool:
    """The compiled stages, and the idle requests to them. Thread-safe."""

    def __init__(self, compiled: Mapping[str, ov.CompiledModel]) -> None:
        self.compiled = compiled
        self.idle: list[Requests] = []

    def take(self) -> Requests:
        """Return idle requests, or new ones."""
        try:
            return self.idle.pop()
        except IndexError:
            return Requests(self.compiled)

    def empty(self) -> None:
        """Free the memory that only running pictures need: requests and intermediate results."""
        self.idle.clear()
        # OpenVINO refuses this while another picture is running; the pool is emptied when that one is done.
        with contextlib.suppress(RuntimeError):
            self.compiled[FIRST].release_memory()


class AnyShape:
    """A first stage compiled with open sizes."""

    def __init__(self, first: ov.CompiledModel, heads: Mapping[str, ov.CompiledModel]) -> None:
        self._pool = Pool({**heads, FIRST: first})

    def pool_for(self, shape: tuple[int, ...]) -> Pool:
        """Return the only pool, which serves every shape."""
        return self._pool

    def give_back(self, pool: Pool, requests: Requests) -> None:
        """Return requests to `pool` once their outputs are not needed any more."""
        pool.idle.append(requests)


class FewShapes:
    """A first stage compiled for the last `SHAPES_KEPT` shapes; only the latest keeps idle requests."""

    def __init__(
        self,
        core: ov.Core,
        first: ov.Model,
        heads: Mapping[str, ov.CompiledModel],
        cache: Path | None = None,
    ) -> None:
        """Take a first stage with open sizes, which `core` compiles with its settings, and compiled heads.

        `cache`: see `compiled`.
        """
        self._core = core
        self._cache = cache
        self._model = first
        self._heads = heads
        self._lock = threading.Lock()
        self._pools: dict[tuple[int, ...], Pool] = {}  # the most recently used is last
        self._last: Pool | None = None

    def pool_for(self, shape: tuple[int, ...]) -> Pool:
        """Return the stages for pictures (1, H, W, 3). Pictures that are running are not disturbed."""
        with self._lock:
            pool = self._pools.pop(shape, None)
            if self._last is not None and self._last is not pool:
                # Unset before the pool is emptied, or `give_back` could fill it again afterwards.
                last, self._last = self._last, None
                last.empty()
            if pool is None:
                pool = Pool({**self._heads, FIRST: self._compiled_for(shape)})
            self._pools[shape] = self._last = pool
            if len(self._pools) > SHAPES_KEPT:
                del self._pools[next(iter(self._pools))]
            return pool

    def give_back(self, pool: Pool, requests: Requests) -> None:
        """Return requests to `pool` once their outputs are not needed any more.

        Takes no lock, because the garbage collector may call this in a thread that already holds it.
        """
        pool.idle.append(requests)
        if pool is not self._last:
            pool.empty()

    def _compiled_for(self, shape: tuple[int, ...]) -> ov.CompiledModel:
        model = self._model.clone()
        model.reshape(list(shape))
        return compiled(self._core, model, self._cache)


def compiled(
    core: ov.Core, model: ov.Model, cache: Path | None, settings: Mapping[str, Any] | None = None
) -> ov.CompiledModel:
    """Compile a stage, with `settings` besides those of `core`.

    `cache`: a private folder. While it exists, what is compiled is kept there, and need not be compiled again
    by another process; OpenVINO finds it by the stage's content. If it cannot be written, nothing is kept.
    """
    # OpenVINO allocates tens of megabytes that it never touches. They take no memory only if they do not lie
    # where pictures or another model have been: what is free is given back before.
    malloc.trim()
    kept = {"CACHE_DIR": str(cache)} if cache is not None and cache.is_dir() else {}
    return core.compile_model(model, "CPU", {**(settings or {}), **kept})
