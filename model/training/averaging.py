"""AveragedWeights: the running average of a network's weights in the place of its weights."""

from __future__ import annotations

import keras
from keras import ops

from model.training.plan import Plan


class AveragedWeights:
    """While open, the network has the running average of its weights, which gives better predictions."""

    def __init__(self, trainer: keras.Model, plan: Plan) -> None:
        self.variables = trainer.trainable_variables
        self.optimizer = trainer.optimizer
        self.enabled = plan.average > 0

    def __enter__(self) -> None:
        if self.enabled:
            self.own = [ops.convert_to_numpy(variable).copy() for variable in self.variables]
            self.optimizer.finalize_variable_values(self.variables)
            # On JAX, the weights are now the optimizer's own arrays, which evaluating the network would
            # delete: Keras donates the weights to its compiled steps.
            for variable in self.variables:
                variable.assign(ops.convert_to_numpy(variable).copy())

    def __exit__(self, *_: object) -> None:
        if self.enabled:
            for variable, value in zip(self.variables, self.own, strict=True):
                variable.assign(value)
