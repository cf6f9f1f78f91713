"""``--executor probe-cluster-generic``: the executor cluster-generic, recorded."""

from snakemake_executor_plugin_probe.alias import alias

alias("cluster_generic", globals())
