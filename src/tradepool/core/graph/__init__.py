"""Expressions, the step they become, and the runners of steps."""
