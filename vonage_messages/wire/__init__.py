"""Values to JSON to HTTP and back, and nothing else: no sockets, no clock."""
