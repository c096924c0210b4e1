"""AlexNet 2012, reproduced: the networks, their training, and the verdicts on what was claimed of them."""

__version__ = "0.1.0"
