"""Features before deep networks: dictionaries of patches, Fisher vectors, visual words, and the linear SVM on them."""
