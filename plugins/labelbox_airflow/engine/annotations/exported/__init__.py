"""The annotations of Labelbox exports, label by label: `label.annotations_of`.

An export says what an annotation is by the key of its shape (``bounding_box``, ``composite_mask``, …), and calls it by
an ``annotation_kind``. As not all names of kinds are documented, the keys decide, and all keys must be known: what this
package does not know is a `RejectedAnnotation` that names the kind.

Sources: docs.labelbox.com/reference/export-*-annotations; labelbox-python, tests/data/annotation_import/conftest.py
(what exports of each media type were seen to be).
"""
