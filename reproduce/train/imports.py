"""Imports all modules of a run before it starts, so that the package may be edited while the run goes on."""

import importlib
import pkgutil


def import_training_modules() -> None:
    """Import every module that a run uses, so that edits to the package cannot change a run under way."""
    for package in ("base", "data", "evaluate", "features", "models", "study", "train"):
        folder = importlib.import_module(f"reproduce.{package}")
        for module in pkgutil.walk_packages(folder.__path__, f"reproduce.{package}."):
            importlib.import_module(module.name)
