"""Many fits on the same folds: settings compared, tuned, or given more and more patients."""
