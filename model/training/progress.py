"""Progress: the bar that shows how far a run is, its losses and the time left."""

from __future__ import annotations

from collections.abc import Mapping

from tqdm import tqdm


class Bar(tqdm):
    """Progress bar for the steps of a run; its estimate includes the time for reports."""

    def show(self, values: Mapping[str, float]) -> None:
        """Advance by a step with these losses."""
        self.set_postfix({name.removesuffix("_loss"): f"{value:.3f}" for name, value in values.items()})
        self.update()

    def forget_the_start(self) -> None:
        """Exclude the first step from the estimate, as it compiles the network."""
        self.initial = self.n
        self.unpause()
        self.start_t = self.last_print_t


def bar_of(first: int, steps: int) -> Bar:
    """A progress bar whose estimate uses the mean over the whole run, so that it includes future reports."""
    return Bar(total=steps, initial=first, unit="step", desc="train", smoothing=0)
