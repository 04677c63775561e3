"""How patient the servers are with the clients of WebSockets."""

PING_EVERY = 30.0
"""Seconds between two questions whether a client is still there."""
PONG_WITHIN = 60.0
"""Seconds that it has to say so: one that reads slowly finds the question behind much else."""
