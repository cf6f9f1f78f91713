"""The adapter for Nextflow."""
