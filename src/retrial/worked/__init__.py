"""Exercises worked by hand: each line of a calculation, proved another way, with its slips."""
