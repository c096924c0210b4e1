"""What every other room stands on: errors, paths, files, progress, draws, provenance; it imports nothing of ours."""
