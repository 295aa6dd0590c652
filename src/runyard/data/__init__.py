"""Reading data sets: where they lie, what they hold, which version they are, how they are split. Torch-free."""
