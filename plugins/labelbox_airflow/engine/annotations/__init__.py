"""Annotations: one model, and what turns it into other forms.

How the pieces fit::

    NDJSON ── ndjson.line.LineReader ───┐
    exports ── exported.label ──────────┴▶ model.Annotation ── ndjson.line.write_lines ──▶ NDJSON

An `Annotation` is a data row, a feature of the ontology and a value, whose type is the kind; further nested
classifications, confidence, the source's own id, the uuid of the import, and the origin for reports.

A reader of another form makes `DataRow` and `Feature` objects once and shares them: each further
``Annotation(row, feature, BoundingBox(…))`` is then two objects. What it cannot read is a
`problems.AnnotationError`, with the field, the value and the reason; `problems.RejectedAnnotation` is what reports
keep of it. The model itself checks nothing: `checks.AnnotationChecker` does, against the ontology (`engine.ontology`)
and what is known of the asset.
"""
