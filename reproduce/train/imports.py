"""Importing all that a run uses before it starts, so that the package may be edited while it goes on."""

import importlib
import pkgutil


def import_training_modules() -> None:
    """Import every module a run uses, so that editing the package while it runs cannot reach it."""
    for package in ("base", "data", "evaluate", "features", "models", "study", "train"):
        folder = importlib.import_module(f"reproduce.{package}")
        for module in pkgutil.walk_packages(folder.__path__, f"reproduce.{package}."):
            importlib.import_module(module.name)
