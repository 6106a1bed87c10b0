"""`make up`: Airflow whole on this machine, with Postgres, an S3 server and the local Labelbox beside it."""
