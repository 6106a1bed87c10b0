"""The Airflow-free engine: rows, ledger, wire. It imports nothing of Airflow and nothing above it."""
