"""Annotations from and to lines of Labelbox NDJSON, the form of its imports.

``line`` has the whole line (`LineReader`, `write_line`, `write_lines`), the other modules its parts, each in both
directions: ``shapes`` and ``masks``, ``answers``, ``video``, ``entities`` and ``others``. The forms written are those
of the SDK (`labelbox.data.serialization.ndjson`); of forms that only notebooks show (``answers``, ``frames`` inside
a radio's answer, ``imBytes``) the meaning is read too.
"""
