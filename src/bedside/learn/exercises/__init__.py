"""The checks behind the exercises, one module per notebook; see `bedside.learn.answer`."""
