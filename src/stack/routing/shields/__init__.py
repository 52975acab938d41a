"""Shields around models: what is checked, what follows from a finding, and the trail of it."""
