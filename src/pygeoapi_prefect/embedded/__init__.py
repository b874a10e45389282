"""The embedded stack: PostgreSQL, Prefect server, worker and gunicorn as child processes.

For trying, developing and testing on one machine without Docker. ``python -m
pygeoapi_prefect.embedded start|stop``; the scripts of the repository call it. Needs the extra
``embedded``.
"""
