"""A venue of our own: real clients trade on it over real HTTPS and WebSocket, on virtual time and recorded or modelled prices."""
