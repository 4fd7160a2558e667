"""Expressions, and the step they become."""
