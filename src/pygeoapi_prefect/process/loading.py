"""Processors from the configuration."""

import copy
from collections.abc import Mapping
from typing import Any

from pygeoapi.process.base import BaseProcessor

from pygeoapi_prefect.errors import ConfigurationError
from pygeoapi_prefect.pygeoapi_helpers import load_process


def load_processor(process_id: str, processor_def: Mapping[str, Any]) -> BaseProcessor:
    """A new processor, sharing nothing with others of its class.

    Args:
        process_id: Key of the resource, for messages.
        processor_def: The ``processor`` mapping of the resource.

    Raises:
        ConfigurationError: The class cannot be imported or rejects its configuration.
    """
    try:
        # A copy: processors keep and modify their arguments.
        processor: BaseProcessor = load_process(copy.deepcopy(dict(processor_def)))
    except ConfigurationError:
        raise
    except (Exception, SystemExit) as error:  # a module may do anything when it is imported
        raise ConfigurationError(
            f"process '{process_id}': cannot load {processor_def.get('name')}: {error!r}"
        ) from error
    # Vanilla processors share one metadata dictionary, and core changes it.
    processor.metadata = copy.deepcopy(processor.metadata)
    return processor
