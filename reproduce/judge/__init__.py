"""From claims and published runs to verdicts, comparisons, ablations and cited numbers; nothing here trains."""
