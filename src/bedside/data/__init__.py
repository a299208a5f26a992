"""Files become a `Cohort`: reading, built-in cohorts, and checks."""
