"""How venues speak: a folder a dialect, pure, bytes to requests and events to bytes."""
