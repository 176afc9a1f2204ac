"""Whose turn it is, under the limits of one account."""
