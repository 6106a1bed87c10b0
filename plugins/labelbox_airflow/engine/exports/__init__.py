"""Data out: from the lines of a Labelbox export to tables and files."""
