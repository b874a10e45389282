"""The process ``zonal-statistics`` and its flow."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from prefect import flow, get_run_logger

from pygeoapi_prefect.errors import MissingJobParameterError
from pygeoapi_prefect.models.processes import (
    ExecuteRequest,
    JobStatus,
    JobStatusInfoInternal,
    ProcessDescription,
)
from pygeoapi_prefect.process.base import BasePrefectProcessor
from pygeoapi_prefect.process.inputs import input_value
from pygeoapi_prefect.process.outputs import is_requested, result_storage, write_output
from pygeoapi_prefect.process.progress import report_progress
from zonal_statistics.description import CSV, DESCRIPTION, GEOJSON
from zonal_statistics.projection import Projection
from zonal_statistics.rasters import Band, open_raster
from zonal_statistics.writing import as_csv, as_geojson
from zonal_statistics.zonal import DEFAULT_STATISTICS, Statistics, statistics_of
from zonal_statistics.zones import Zones, read_zones


@flow(persist_result=True)
def zonal_statistics(
    job_id: str,
    result_storage_block: str | None,
    process_description: ProcessDescription,
    execution_request: ExecuteRequest,
) -> JobStatusInfoInternal:
    """Compute the statistics of a raster in zones.

    Args:
        job_id: Identifier of the job.
        result_storage_block: Block for the outputs, as ``<block type slug>/<block name>``.
        process_description: The description of the process.
        execution_request: The inputs, and which outputs are wanted.

    Returns:
        The outputs ``zones`` and ``table``, those of them that are wanted.

    Raises:
        MissingJobParameterError: The raster or the zones are not given.
        InvalidJobParameterError: An input cannot be used; says which and why.
    """
    report_progress(0, "Reading the inputs")
    with TemporaryDirectory(prefix="zonal-statistics-") as folder:
        zones, results = compute(execution_request, Path(folder))
    get_run_logger().info("job %s: statistics of %d zones", job_id, len(results))

    report_progress(95, "Storing the outputs")
    outputs: dict[str, tuple[str, str, Callable[[], bytes]]] = {
        "zones": ("zones.geojson", GEOJSON, lambda: as_geojson(zones.collection, results)),
        "table": ("table.csv", CSV, lambda: as_csv(zones.features, results)),
    }
    storage = result_storage(result_storage_block)
    generated = {
        output_id: write_output(storage, job_id, file_name, content(), media_type)
        for output_id, (file_name, media_type, content) in outputs.items()
        if is_requested(execution_request, output_id)
    }
    report_progress(100, f"Done: {len(results)} zones")
    return JobStatusInfoInternal(
        job_id=job_id,
        process_id=process_description.id,
        status=JobStatus.successful,
        generated_outputs=generated,
    )


def compute(request: ExecuteRequest, folder: Path) -> tuple[Zones, list[Statistics]]:
    """Read the inputs and compute the statistics of each zone.

    Args:
        request: The execute request.
        folder: An empty folder for what has to be downloaded.

    Raises:
        MissingJobParameterError: The raster or the zones are not given.
        InvalidJobParameterError: An input cannot be used; says which and why.
    """
    raster, zones_input = input_value(request, "raster"), input_value(request, "zones")
    for name, value in (("raster", raster), ("zones", zones_input)):
        if value is None:
            raise MissingJobParameterError(f"input '{name}' is missing")
    zones = read_zones(zones_input, folder)
    with open_raster(raster, folder) as dataset:
        band = Band(dataset, input_value(request, "band", default=1))
        project = Projection(zones.crs, dataset.crs.to_wkt(), band.extent())
        statistics = input_value(request, "statistics", default=DEFAULT_STATISTICS)
        percentiles = input_value(request, "percentiles", default=())
        results: list[Statistics] = []
        for name, geometry in zip(zones.names, zones.geometries, strict=True):
            done, total = len(results), len(zones.names)
            report_progress(5 + 90 * done / total, f"{done} of {total} zones")
            polygon = project(name, geometry)
            results.append(statistics_of(band, polygon, statistics, percentiles))
    return zones, results


class ZonalStatisticsProcessor(BasePrefectProcessor):
    """Statistics of a raster in zones."""

    process_flow = zonal_statistics
    process_description = ProcessDescription.model_validate(DESCRIPTION)
