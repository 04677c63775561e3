"""What callers keep here and may ask for again: files. Imported by the first call that needs it."""
