"""Evaluation of a model on a data set: AP and COCO's mAP for objects, IoU and Dice for pixels."""
