"""Responses with a memory: what came before a call, where its answer is kept, and how it is found again.

An answer of a vendor that keeps Responses itself stays there, and its id says where (`ids`). All others are kept in the
store (`kept`). `turn` is one call, `memory` what a gateway needs for them. See docs/adr/0020-memory-of-responses.md.
"""
