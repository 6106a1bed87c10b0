"""Imports: annotations of a source on their way into a project or model run, each with one outcome.

::

    readers ──▶ gather ──▶ decide (each data row against the asset, the labels it has, the ledger) ──▶ plan ──▶ upload

`prepare` does the first three for a run and leaves units of jobs on staging; `upload` sends a unit's jobs and settles
every line.
"""
