"""The log of a run: sends logged and printed lines to Prefect, complete, in order and limited."""
