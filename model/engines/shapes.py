"""Shapes: a first stage for pictures of any shape, or compiled for each shape; and who may run it now."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping

import openvino as ov

FIRST = "first"
"""The name, among what is compiled, of the stage that sees the picture."""
SHAPES_KEPT = 4
"""Shapes of pictures for which the first stage stays compiled, the last ones. Each holds 35 MB or more, with
the weights laid out for it; another one costs half a second or more."""


class Requests:
    """What one picture needs at a time: a request a stage, each with memory for its own outputs."""

    def __init__(self, compiled: Mapping[str, ov.CompiledModel]) -> None:
        self.of = {stage: model.create_infer_request() for stage, model in compiled.items()}


class Pool:
    """The compiled stages, and the requests to them that no picture is using. Safe for threads."""

    def __init__(self, compiled: Mapping[str, ov.CompiledModel]) -> None:
        self.compiled = compiled
        self.idle: list[Requests] = []

    def take(self) -> Requests:
        """An idle one, or a new one."""
        try:
            return self.idle.pop()
        except IndexError:
            return Requests(self.compiled)

    def empty(self) -> None:
        """Let the memory go that only a running picture needs: requests, and what lies between layers."""
        self.idle.clear()
        # Where another picture is going through, it is refused; that one will empty the pool when it is done.
        with contextlib.suppress(RuntimeError):
            self.compiled[FIRST].release_memory()


class AnyShape:
    """A first stage compiled with open sizes."""

    def __init__(self, first: ov.CompiledModel, heads: Mapping[str, ov.CompiledModel]) -> None:
        self._pool = Pool({**heads, FIRST: first})

    def pool_for(self, shape: tuple[int, ...]) -> Pool:
        """The same for every shape."""
        return self._pool

    def give_back(self, pool: Pool, requests: Requests) -> None:
        """Requests that came from `pool`, of which nobody needs the outputs any more."""
        pool.idle.append(requests)


class FewShapes:
    """A first stage compiled for the last `SHAPES_KEPT` shapes; only the latest has idle requests."""

    def __init__(self, core: ov.Core, first: ov.Model, heads: Mapping[str, ov.CompiledModel]) -> None:
        """A first stage with open sizes, to be compiled as `core` is set, and compiled heads behind it."""
        self._core = core
        self._model = first
        self._heads = heads
        self._lock = threading.Lock()
        self._pools: dict[tuple[int, ...], Pool] = {}  # the last used last
        self._last: Pool | None = None

    def pool_for(self, shape: tuple[int, ...]) -> Pool:
        """The stages for pictures (1, H, W, 3). Pictures that are going through are not disturbed."""
        with self._lock:
            pool = self._pools.pop(shape, None)
            if self._last is not None and self._last is not pool:
                # Before it is emptied, or `give_back` could fill it again behind us.
                last, self._last = self._last, None
                last.empty()
            if pool is None:
                pool = Pool({**self._heads, FIRST: self._compiled_for(shape)})
            self._pools[shape] = self._last = pool
            if len(self._pools) > SHAPES_KEPT:
                del self._pools[next(iter(self._pools))]
            return pool

    def give_back(self, pool: Pool, requests: Requests) -> None:
        """Requests that came from `pool`, of which nobody needs the outputs any more.

        Takes no lock: the garbage collector calls this, in any thread, one that holds the lock too.
        """
        pool.idle.append(requests)
        if pool is not self._last:
            pool.empty()

    def _compiled_for(self, shape: tuple[int, ...]) -> ov.CompiledModel:
        model = self._model.clone()
        model.reshape(list(shape))
        return self._core.compile_model(model, "CPU")
