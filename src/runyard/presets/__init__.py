"""Presets, fitted to the machine: which one suits, what it will take, and whether it can start. Torch-free."""
