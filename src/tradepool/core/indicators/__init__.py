"""Named indicators: what traders call them, composed of the graph's primitives."""
