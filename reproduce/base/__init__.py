"""Ground that all other rooms stand on: errors, paths, files, progress, draws, provenance. Imports nothing of ours."""
