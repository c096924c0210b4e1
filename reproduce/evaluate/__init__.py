"""Testing as in 2012: views, averaged predictions, error rates. Never trains."""
