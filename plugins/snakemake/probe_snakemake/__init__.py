"""The adapter for Snakemake. Its executor is in ``snakemake_executor_plugin_probe``."""
