"""How good a model is on a data set: AP by image and kind, COCO's mAP, and a sheet of the worst images."""

from model.evaluation.evaluate import evaluate
from model.evaluation.result import Evaluation, ImageResult
from model.evaluation.sheet import worst_sheet

__all__ = ["Evaluation", "ImageResult", "evaluate", "worst_sheet"]
