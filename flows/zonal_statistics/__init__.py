"""Zonal statistics of a raster, as a process: see ``process.ZonalStatisticsProcessor``."""
