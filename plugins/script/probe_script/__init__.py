"""The adapter for plain shell scripts."""
