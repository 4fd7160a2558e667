"""The mind of a simulated venue."""
