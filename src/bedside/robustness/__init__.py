"""What happens to a finished model when its data are not what they should be: noise, gaps, wrong units, poor images.

Reads:  a finished run, its cohort, and the members that were tested in it.
Gives:  stress.json, stress.csv and stress.html in the run folder.
"""
