"""The adapter for GNU make."""
