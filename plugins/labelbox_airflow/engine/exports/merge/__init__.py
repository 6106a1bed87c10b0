"""Loads of an export into a table that is kept: each data row's rows are replaced as a whole, in one transaction."""
