"""Entry point of ``python -m pygeoapi_prefect.embedded``."""

from pygeoapi_prefect.embedded.cli import main

if __name__ == "__main__":
    main(prog_name="python -m pygeoapi_prefect.embedded")
