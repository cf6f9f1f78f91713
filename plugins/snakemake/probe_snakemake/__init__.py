"""The adapter for Snakemake. Its executor is in ``snakemake_executor_plugin_probe``."""

FOLDER = "snakemake"  # below the run's declarations; one file a Snakemake process, one JSON object a line
