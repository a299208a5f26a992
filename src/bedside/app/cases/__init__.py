"""Cases: from the confusion matrix to the patients in it, with notes."""
