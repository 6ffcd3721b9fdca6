"""Races: what happens when several write at once; by hand, in every order, and in a storm."""
