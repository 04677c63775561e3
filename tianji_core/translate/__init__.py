"""Pure translation between dialects: JSON in, JSON out."""
