"""Options of a run, on the command line and, by the same names, in the Dataflow template (metadata.json)."""

from __future__ import annotations

import argparse
import re
from typing import get_args

from apache_beam.options.pipeline_options import PipelineOptions

from model.answers.choosing import GatePolicy
from model.commands.arguments import above_zero, at_least_one, at_least_zero, share
from model.engines.choice import PRECISIONS
from model.measures import GROUPS
from model.pictures.projection import PROJECTIONS
from model.results.result import Split
from pipelines.outputs import Outputs
from pipelines.pictures import absolute, absolute_pattern, addresses_in, pictures_matching
from pipelines.question import DRAWN, Question


class BulkOptions(PipelineOptions):
    """What to segment, by which model, and what to write. Beam adds those of its runners."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        add = parser.add_argument
        add(
            "--input",
            type=_words,
            help="patterns of picture files, separated by commas, such as gs://bucket/folder/**.png",
        )
        add("--input_list", help="a text file with the address of a picture in each line")
        add("--output", help="folder for the results, such as gs://bucket/results")
        add("--model", default="nuclei", help="a model, or name@version (default: nuclei)")
        add("--precision", choices=PRECISIONS, help="numerical precision (default: the fastest accurate one)")
        add("--threshold", type=share, help="lowest score to keep, 0 to 1 (default: the model's)")
        add("--classes", type=_words, help="classes to keep, separated by commas (default: all)")
        add(
            "--max_segments", type=at_least_one, help="most segments per picture (default: the model's limit)"
        )
        add("--split", choices=get_args(Split), help="semantic models: one segment per class, or per part")
        add("--min_area", type=at_least_one, help="with split=parts: the smallest part, in pixels")
        add("--page", type=at_least_zero, help="page of each file, from 0 (default: the first)")
        add("--channel", type=at_least_zero, help="channel to use as grey, from 0 (default: all)")
        add("--projection", choices=PROJECTIONS, default="none", help="combine all pages (default: none)")
        add(
            "--gate", choices=get_args(GatePolicy), default="warn", help="for pictures unlike the model's own"
        )
        add("--measure", type=_groups, default=(), help=f"measures, of {','.join(GROUPS)} (default: none)")
        add("--pixel_size", type=above_zero, help="width of a pixel in micrometres (default: the file's)")
        add("--overlays", type=_yes, nargs="?", const=True, default=False, help="also write overlays")
        add("--label_maps", type=_yes, nargs="?", const=True, default=False, help="also write label maps")
        add("--coco", type=_yes, nargs="?", const=True, default=False, help="also write COCO data sets")
        add("--max_bytes", type=at_least_one, default=100_000_000, help="largest file (default: 100000000)")
        add("--max_pixels", type=at_least_one, default=50_000_000, help="largest picture (default: 50000000)")
        add("--shard_size", type=at_least_one, default=100, help="pictures per file of rows (default: 100)")
        add("--threads", type=at_least_zero, default=1, help="per inference; 0: all cores (default: 1)")

    def check(self) -> None:
        """Raise ValueError if it is not said what to read and where to write."""
        if not (self.input or self.input_list):
            raise ValueError("no pictures are named: add --input or --input_list")
        if not self.output:
            raise ValueError("no folder for the results is named: add --output")
        if re.search(r"[*?[]", output := absolute(self.output)):
            raise ValueError(
                f"{output} cannot be the output: expected a folder without *, ? and [ in its name"
            )

    def listed(self, outputs: Outputs) -> set[str]:
        """The addresses of all pictures, for a run on this machine; raises as in `pipelines.pictures`."""
        found = {
            picture.uri
            for pattern in self.input or ()
            for picture in pictures_matching(absolute_pattern(pattern))
            if not outputs.wrote(picture.uri)
        }
        return found.union(addresses_in(absolute(self.input_list)) if self.input_list else ())

    def question(self) -> Question:
        """What is asked about each picture."""
        return Question(
            model=self.model,
            precision=self.precision,
            threshold=self.threshold,
            classes=self.classes,
            max_segments=self.max_segments,
            split=self.split,
            min_area=self.min_area,
            page=self.page,
            channel=self.channel,
            projection=self.projection,
            gate=self.gate,
            measure=self.measure,
            pixel_size=self.pixel_size,
            drawn=[name for name in DRAWN if getattr(self, name)],
            coco=self.coco,
            max_bytes=self.max_bytes,
            max_pixels=self.max_pixels,
        )


def _words(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise argparse.ArgumentTypeError("expected at least one word")
    return words


def _groups(text: str) -> list[str]:
    words = _words(text)
    if unknown := [word for word in words if word not in GROUPS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]} cannot be measured; there are: {', '.join(GROUPS)}")
    return [group for group in GROUPS if group in words]


def _yes(text: str) -> bool:
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"expected true or false, not {text!r}")
    return text == "true"
