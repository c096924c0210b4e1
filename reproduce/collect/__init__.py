"""From claims and published runs to tables, statistics and verdicts; nothing here trains or draws."""
