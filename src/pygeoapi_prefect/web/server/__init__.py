"""Serves the WSGI application over asyncio: connections cost memory, only work costs a thread."""
