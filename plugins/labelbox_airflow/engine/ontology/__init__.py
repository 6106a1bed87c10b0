"""Ontologies: what can be annotated, and how.

``tree.Ontology`` holds tools and classifications; a tool holds nested classifications, a classification its options,
and an option nested classifications again. ``tree`` reads and writes Labelbox's normalized JSON, ``document`` the YAML
for people (and the JSON, from a file), ``difference`` compares two by name for reports of drift.

Kinds are the words of Labelbox's wire: ``rectangle``, ``raster-segmentation``, ``named-entity``, ``radio``, …
"""
