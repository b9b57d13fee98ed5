"""The full comparison: cells, their grid, running them through Dask, the table, the report."""
