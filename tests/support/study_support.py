"""The fields of a variant, for studies made by hand."""

VARIANT = {
    "network": "80sec",
    "precision": "fp32",
    "batch_size": 128,
    "momentum": 0.9,
    "order": "files",
    "augmentation": "none",
    "test_views": 1,
    "phases": [{"epochs": 11, "training_files": [1, 2, 3, 4, 5], "weight_rate_factor": 1.0}],
}
