"""The process ``zonal-statistics`` and its flow."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from prefect import flow, get_run_logger

from pygeoapi_prefect.errors import InvalidJobParameterError, MissingJobParameterError
from pygeoapi_prefect.models.processes import (
    ExecuteRequest,
    JobStatus,
    JobStatusInfoInternal,
    ProcessDescription,
)
from pygeoapi_prefect.process.base import BasePrefectProcessor
from pygeoapi_prefect.process.inputs import input_value
from pygeoapi_prefect.process.memory import memory_in_use_bytes, memory_limit_bytes
from pygeoapi_prefect.process.outputs import is_requested, result_storage, write_output
from pygeoapi_prefect.process.progress import report_progress
from zonal_statistics.description import CSV, DESCRIPTION, GEOJSON, MAX_CELLS
from zonal_statistics.polygons import Piece
from zonal_statistics.projection import Projection
from zonal_statistics.rasters import Band, open_raster
from zonal_statistics.tally import TooManyValues
from zonal_statistics.writing import as_csv, as_geojson
from zonal_statistics.zonal import DEFAULT_STATISTICS, Statistics, statistics_of
from zonal_statistics.zones import Zones, read_zones

MIB = 1024 * 1024
WORKING_BYTES = 128 * MIB
"""Memory for working on a window: its arrays, GDAL's cache, a block of the largest size."""


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
        plans = planned(band, zones, Projection(zones.crs, dataset.crs.to_wkt(), band.extent()))
        statistics = input_value(request, "statistics", default=DEFAULT_STATISTICS)
        percentiles = input_value(request, "percentiles", default=())
        kept_bytes = left_bytes()
        results: list[Statistics] = []
        for name, pieces in zip(zones.names, plans, strict=True):
            done, total = len(results), len(zones.names)
            report_progress(5 + 90 * done / total, f"{done} of {total} zones")
            try:
                found = statistics_of(band, pieces, statistics, percentiles, kept_bytes)
            except TooManyValues as error:
                raise InvalidJobParameterError(_too_many_values(name, kept_bytes)) from error
            results.append(found)
    return zones, results


def left_bytes() -> int:
    """Memory left for the distinct values of a zone, after the inputs were read."""
    return max(0, memory_limit_bytes() - memory_in_use_bytes() - WORKING_BYTES)


def planned(band: Band, zones: Zones, project: Projection) -> list[list[Piece]]:
    """Each zone in pieces, in columns and rows of the band.

    Raises:
        InvalidJobParameterError: A zone cannot be projected, or together they cover more than
            ``MAX_CELLS`` cells; names the zone.
    """
    plans: list[list[Piece]] = []
    left = MAX_CELLS
    for name, geometry in zip(zones.names, zones.geometries, strict=True):
        plans.append([])
        for piece in band.pieces(project(name, geometry)):
            left -= piece.cells
            if left < 0:
                raise InvalidJobParameterError(
                    f"input 'zones': together the zones cover more than {MAX_CELLS} cells of the "
                    f"raster (exceeded at {name}); leave out zones, split them over several "
                    "requests, or use a raster with larger cells"
                )
            plans[-1].append(piece)
    return plans


def _too_many_values(name: str, kept_bytes: int) -> str:
    return (
        f"input 'zones': {name}: its distinct values do not fit into the {kept_bytes // MIB} MiB "
        "of memory that the job has left; leave out 'percentiles' and the statistics 'majority' "
        "and 'variety', divide the zone, or send fewer zones in a request"
    )


class ZonalStatisticsProcessor(BasePrefectProcessor):
    """Statistics of a raster in zones."""

    process_flow = zonal_statistics
    process_description = ProcessDescription.model_validate(DESCRIPTION)
