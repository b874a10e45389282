"""The public contract as pydantic models; ``processes`` has all of them.

Nothing is imported here: the package's ``__init__`` needs ``models.reference``, which is light.
"""
