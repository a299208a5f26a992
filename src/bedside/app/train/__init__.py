"""Train: families and settings as a form, the line of jobs, and a training as it happens."""
