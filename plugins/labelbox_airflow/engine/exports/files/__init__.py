"""Files of exported records: whole or not there, with a manifest that pins what was written.

Two kinds of target, told apart by the name:

* **A folder** (``s3://bucket/receipts``) gets a release, which never changes again::

      <folder>/<release>/part-00000.parquet
      <folder>/<release>/manifest.json        written when all files are there: without it, there is no release
      <folder>/latest.json                    written last: names the release to use

  With ``partition_by`` the files lie in Hive's folders below the release: ``country=DE/part-00000.parquet``.
* **A file** (``s3://bucket/receipts.csv``) is replaced at once: by a rename on a local disk, by the request that
  completes the upload on an object store. ``receipts.csv.manifest.json`` follows it.

A run that fails leaves the former release, or the former file, as it was.
"""
