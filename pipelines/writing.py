"""Writing: the last step for a shard."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.coco import rows_to_coco
from pipelines.handler import SegmentedShard
from pipelines.outputs import Outputs


def write_shard(shard: SegmentedShard, outputs: Outputs, coco_classes: Sequence[str] | None) -> str:
    """Write the rows, and for the class names of a model also a COCO data set; returns the shard's name."""
    segmented = [row for row in shard.rows if row["error"] is None]
    failed = [row for row in shard.rows if row["error"] is not None]
    if segmented and coco_classes is not None:
        outputs.write_coco(shard.name, rows_to_coco(segmented, coco_classes))
    outputs.write_rows("results", shard.name, segmented)
    outputs.write_rows("errors", shard.name, failed)
    return shard.name
