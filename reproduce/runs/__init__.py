"""What published runs hold: places, predictions, metrics derived from what they keep, and statistics over seeds."""
