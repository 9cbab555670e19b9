"""Containers: augmenters that run others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from imgaug.augmenters.augmenter import Augmenter, Run
from imgaug.choices import Numbers

Children = Augmenter | Iterable[Augmenter] | None


class Container(Augmenter):
    """Runs others, each with random numbers of its own, so that they do not depend on what ran before.

    Args:
        children: one augmenter, several, or None.
        common: the arguments of `Augmenter`.
    """

    moves_pixels: ClassVar[bool] = True

    def __init__(self, children: Children = None, **common: Any) -> None:
        super().__init__(**common)
        self.children = _listed(children)

    def add(self, augmenter: Augmenter) -> None:
        """Add another at the end."""
        self.children += _listed(augmenter)

    append = add

    def _run_these(
        self,
        chosen: Iterable[Augmenter],
        image: npt.NDArray,
        rng: np.random.Generator,
        run: Run,
        parents: list[Augmenter],
    ) -> npt.NDArray:
        if not run.hooks.is_propagating([image], self, parents, True):
            return image
        for child in chosen:
            image = child.run(image, np.random.default_rng(rng.integers(2**63)), run, [*parents, self])
        return image


class Sequential(Container):
    """Runs all its children, in the given or (`random_order`) in a random order."""

    def __init__(self, children: Children = None, random_order: bool = False, **common: Any) -> None:
        super().__init__(children, **common)
        self.random_order = random_order

    def _augmented(
        self, image: npt.NDArray, rng: np.random.Generator, run: Run, parents: list[Augmenter]
    ) -> npt.NDArray:
        count = len(self.children)
        order = rng.permutation(count) if self.random_order else range(count)
        return self._run_these((self.children[index] for index in order), image, rng, run, parents)


class SomeOf(Container):
    """Runs some of its children, chosen for each image.

    Args:
        n: how many: a number, a tuple (least, most) in which None stands for all, or a list to choose from;
            None: all.
        children: to choose from.
        random_order: whether they run in a random rather than in the given order.
        common: the arguments of `Augmenter`.
    """

    def __init__(
        self, n: Any = None, children: Children = None, random_order: bool = False, **common: Any
    ) -> None:
        super().__init__(children, **common)
        self.n = n
        self.random_order = random_order
        self._count()  # so that a wrong n is seen where it is given

    def _count(self) -> Numbers:
        every = len(self.children)
        if isinstance(self.n, tuple):
            return Numbers("n", tuple(every if end is None else end for end in self.n))
        return Numbers("n", every if self.n is None else self.n)

    def _augmented(
        self, image: npt.NDArray, rng: np.random.Generator, run: Run, parents: list[Augmenter]
    ) -> npt.NDArray:
        count = min(self._count().draw_whole(rng), len(self.children))
        chosen = rng.permutation(len(self.children))[:count]
        order = chosen if self.random_order else np.sort(chosen)
        return self._run_these((self.children[index] for index in order), image, rng, run, parents)


class OneOf(SomeOf):
    """Runs one of its children, chosen for each image."""

    def __init__(self, children: Children, **common: Any) -> None:
        super().__init__(1, children, **common)


class Sometimes(Container):
    """Runs `then_list` with probability `p`, else `else_list`: each an augmenter, several, or None."""

    def __init__(
        self, p: Any = 0.5, then_list: Children = None, else_list: Children = None, **common: Any
    ) -> None:
        super().__init__(then_list, **common)
        self.otherwise = _listed(else_list)
        self._probability = Numbers("p", p)

    def _augmented(
        self, image: npt.NDArray, rng: np.random.Generator, run: Run, parents: list[Augmenter]
    ) -> npt.NDArray:
        then = rng.random() < self._probability.draw(rng)
        return self._run_these(self.children if then else self.otherwise, image, rng, run, parents)


def _listed(children: Children) -> list[Augmenter]:
    listed = [children] if isinstance(children, Augmenter) else list(children or ())
    for child in listed:
        if not isinstance(child, Augmenter):
            raise TypeError(f"{child!r} is not an augmenter: give those of imgaug.augmenters")
    return listed
