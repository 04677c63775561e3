"""The JSON shapes and framings that travel: pure functions and TypedDicts, nothing that opens a socket."""
