"""Evaluation of a model on a data set: AP and COCO's mAP for objects, IoU and Dice for pixels."""

from model.evaluation.coco_map import UNSURE
from model.evaluation.evaluate import evaluate
from model.evaluation.known_classes import KnownClasses
from model.evaluation.pixel_result import PixelEvaluation
from model.evaluation.pixels import PixelAnswer, evaluate_pixels
from model.evaluation.result import Evaluation, ImageResult
from model.evaluation.sheet import worst_sheet

__all__ = [
    "UNSURE",
    "Evaluation",
    "ImageResult",
    "KnownClasses",
    "PixelAnswer",
    "PixelEvaluation",
    "evaluate",
    "evaluate_pixels",
    "worst_sheet",
]
