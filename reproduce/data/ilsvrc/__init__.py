"""ILSVRC-2010 and ILSVRC-2012: from the official archives or a folder tree to packed shards, statistics and batches."""
