"""PROBE: provenance for workflow engines."""
