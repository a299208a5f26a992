"""The pictures on the pages of families; python docs/make_family_figures.py draws them."""
