"""Experiments: training runs in MLflow, its registry of models, and Optuna's studies of many short runs."""
