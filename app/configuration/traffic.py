"""Traffic: which versions of a model answer for which share of its callers, and which run in the shadow."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from app.configuration.kinds import Mistake
from app.configuration.numbers import number_in
from model.storage.manifest import NAME_PATTERN, VERSION_PATTERN

EXAMPLE = "nuclei@2=90,nuclei@3=10"

_WHOLE = 100.0  # per cent
_ROUNDING = 0.05  # per cent; three shares of 33.33 are meant to be a whole


@dataclass(frozen=True)
class Version:
    """A version of a model, written NAME@VERSION."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class Arm(Version):
    """A version that answers for a share of its model's callers: per cent, 0 to 100."""

    share: float

    def __str__(self) -> str:
        return super().__str__()


@dataclass(frozen=True)
class Split:
    """The arms of each model whose callers are split, by the model's name.

    Which arm a caller gets depends on nothing but the caller and the shares, so that it is the same in every
    process, in every replica and after a restart.
    """

    arms: Mapping[str, tuple[Arm, ...]] = field(default_factory=dict)

    def arm_for(self, name: str, caller: str) -> Arm | None:
        """The arm of the model `name` that answers `caller`; None if the callers of the model are not split.

        This is weighted rendezvous hashing (Schindelhauer and Schomaker, 2005). If shares change, callers
        move only to versions whose share has grown in relation to that of their own version, and with two
        versions, as few as possible: from 90/10 to 80/20, 10 % of all callers. The order in which the arms
        are written does not matter.
        """
        arms = [arm for arm in self.arms.get(name, ()) if arm.share > 0]
        return max(arms, key=lambda arm: -arm.share / math.log(_fraction(f"{arm} {caller}")), default=None)

    def __iter__(self) -> Iterator[Arm]:
        return (arm for arms in self.arms.values() for arm in arms)

    def __str__(self) -> str:
        return ",".join(f"{arm}={arm.share:.15g}" for arm in self)


def _fraction(text: str) -> float:
    """A number between 0 and 1, exclusive, that is as good as random and always the same for `text`."""
    number = int.from_bytes(sha256(text.encode("utf-8", "surrogateescape")).digest()[:6])
    return (number + 0.5) / 2**48


@dataclass(frozen=True)
class Traffic:
    """Which versions process which pictures.

    Attributes:
        split: the versions that answer.
        shadows: those that run in the shadow, at most one of each model.
        shadow_share: the share of the pictures that they process, 0 to 1.
    """

    split: Split = Split()
    shadows: tuple[Version, ...] = ()
    shadow_share: float = 1.0

    def document(self) -> dict[str, str | float]:
        """The members of its JSON, from which `traffic_in` makes it again."""
        return {
            "traffic": str(self.split),
            "shadow": ",".join(map(str, self.shadows)),
            "shadow_share": self.shadow_share,
        }


def traffic_in(document: object, before: Traffic) -> Traffic:
    """The traffic that a JSON document asks for.

    Args:
        document: {"traffic": "nuclei@2=90,nuclei@3=10", "shadow": "nuclei@4", "shadow_share": 0.1}; an empty
            text means none.
        before: has the values of the members that are left out.

    Raises:
        Mistake: it is not such a document.
    """
    if not isinstance(document, dict):
        raise Mistake(f'The JSON must be an object such as {{"traffic": "{EXAMPLE}"}}')
    if unknown := [str(name) for name in document if name not in ("traffic", "shadow", "shadow_share")]:
        raise Mistake(f"The JSON may have only traffic, shadow and shadow_share, not {', '.join(unknown)}")
    texts = {}
    for name in ("traffic", "shadow"):
        texts[name] = document.get(name, before.document()[name])
        if not isinstance(texts[name], str):
            raise Mistake(f'{name} must be a text such as "{EXAMPLE if name == "traffic" else "nuclei@4"}"')
    share = document.get("shadow_share", before.shadow_share)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise Mistake(f"shadow_share must be a number from 0 to 1, not {share!r}")
    try:
        split = split_in(texts["traffic"])
    except Mistake as error:
        raise Mistake(f"traffic: {error}") from None
    try:
        shadows = shadows_in(texts["shadow"])
    except Mistake as error:
        raise Mistake(f"shadow: {error}") from None
    return Traffic(split, shadows, float(share))


def split_in(text: str) -> Split:
    """The split that is written as in "nuclei@2=90,nuclei@3=10"; the empty text is no split.

    Raises:
        Mistake: it is not written so, names a version twice, or has shares that do not add up to 100.
    """
    arms: dict[str, list[Arm]] = defaultdict(list)
    for part in _parts(text):
        named, equals, share_text = (piece.strip() for piece in part.partition("="))
        version = version_in(named)
        if not equals:
            raise Mistake(f"{named} has no share: write {named}=90 for 90 % of the callers")
        share = number_in(share_text)
        if share is None or not 0 <= share <= _WHOLE:
            raise Mistake(
                f"the share of {named} must be a number of per cent from 0 to 100, not {share_text!r}"
            )
        if any(arm.version == version.version for arm in arms[version.name]):
            raise Mistake(f"{named} is named twice: give each version one share")
        arms[version.name].append(Arm(version.name, version.version, float(share)))
    for name, of_model in arms.items():
        total = sum(arm.share for arm in of_model)
        if abs(total - _WHOLE) > _ROUNDING:
            raise Mistake(f"the shares of {name} add up to {total:g}: they must add up to 100")
    return Split({name: tuple(of_model) for name, of_model in arms.items()})


def shadows_in(text: str) -> tuple[Version, ...]:
    """The versions in the shadow, at most one of each model, written as in "nuclei@4".

    Raises:
        Mistake: it is not written so, or names two versions of a model.
    """
    shadows: dict[str, Version] = {}
    for part in _parts(text):
        shadow = version_in(part)
        if other := shadows.get(shadow.name):
            raise Mistake(f"{other} and {shadow} are of the same model: a model has at most one shadow")
        shadows[shadow.name] = shadow
    return tuple(shadows.values())


def version_in(text: str) -> Version:
    """The version that is written NAME@VERSION. Raises Mistake."""
    name, at, version = text.partition("@")
    if not at:
        raise Mistake(f"{text!r} names no version: write NAME@VERSION, such as nuclei@2")
    if re.fullmatch(NAME_PATTERN, name) and re.fullmatch(VERSION_PATTERN, version):
        return Version(name, version)
    raise Mistake(f"{text!r} is not the name and version of a model: write NAME@VERSION, such as nuclei@2")


def _parts(text: str) -> Iterable[str]:
    return filter(None, (part.strip() for part in text.split(",")))
