"""From the lines of an export to typed Arrow tables whose columns do not depend on what is in the data.

`raw`, `rows`, `annotations` (long), `labels` (wide) and `former_layout` are the kinds of tables; each is a
`record_set.RecordSet`. Columns and types come from the ontology and the metadata schema; what a line has beyond them
is kept as JSON in the column ``other``. `drift` compares two schemas.

The form of the lines: docs.labelbox.com/reference/export-quick-reference.
"""
