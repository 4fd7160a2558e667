"""What runs and people's results say, computed from what was written down."""
