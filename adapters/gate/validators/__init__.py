"""Further signs for a model without labels of the device: one idea a file, each a number for each window."""
