"""Who trains, who validates, who is tested; and what is fitted on training samples only."""
