"""Networks as declarative specs: layers, initial weights, per-layer rates, and what they cost."""
