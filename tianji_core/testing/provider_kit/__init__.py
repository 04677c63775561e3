"""The parts of `tianji_core.testing.ProviderConformance`, by what they test."""
