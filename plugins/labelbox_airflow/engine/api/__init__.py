"""Operations of Labelbox, one function each, over a :class:`~labelbox_airflow.engine.transport.Transport`.

The GraphQL texts follow those that the SDK 7.17 sends.
"""
