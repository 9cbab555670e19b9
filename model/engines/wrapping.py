"""Wrapping: base classes for runners that watch or change how another runner runs a picture."""

from __future__ import annotations

from model.engines.stages import Pass, Runner


class WrappedRunner:
    """Everything of a `stages.Runner` but `start`, taken from the runner that is wrapped."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.stages = runner.stages
        self.name = runner.name
        self.precision = runner.precision
        self.few_shapes = runner.few_shapes


class WrappedPass:
    """Everything of a `stages.Pass` but `head`, taken from the pass that is wrapped."""

    def __init__(self, started: Pass) -> None:
        self.started = started
        self.outputs = started.outputs
        self.kept = started.kept
