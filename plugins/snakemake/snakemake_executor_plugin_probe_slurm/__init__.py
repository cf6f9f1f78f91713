"""``--executor probe-slurm``: the executor slurm, recorded."""

from snakemake_executor_plugin_probe.alias import alias

alias("slurm", globals())
