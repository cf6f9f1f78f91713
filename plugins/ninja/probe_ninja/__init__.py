"""The adapter for ninja."""
