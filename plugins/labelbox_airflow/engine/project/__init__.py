"""Rows to people: the project and its ontology as configured, and the selected rows sent to it in batches."""
