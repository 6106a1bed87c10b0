"""Annotations: one model, and what turns it into other forms.

How the pieces fit::

    files, tables, exports, SDK objects
        │  ndjson.read_line · exported.read_row · other readers     each makes
        ▼
    model.Annotation     data row, feature, value (its type is the kind), nested classifications, confidence,
        │                source id, origin
        │  checks.Checker   against ontology.Ontology and what is known of the asset: valid ones and rejects
        │  identity.with_uuids   over all annotations of a data row: uuids that stay the same, relationships resolved
        ▼
    ndjson.write_lines   bytes for an import

A reader makes `DataRow` and `Feature` objects once and shares them: `Annotation(row, feature, BoundingBox(…))` is then
two objects. It gives what it cannot read as `problems.RejectedAnnotation`. Readers raise nothing for a wrong
annotation but `problems.AnnotationError`, which has the field, the value and the reason.
"""
