"""Networks learn here; the test set is not an argument of `fit`."""
