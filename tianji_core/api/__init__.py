"""What a plugin may import: contracts and plain values, no I/O, with a semver promise."""
