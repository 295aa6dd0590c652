"""What may be asked of a run: pydantic models, and the border that accepts other people's names.

Torch-free: pages, the command line and the launcher import this floor.
"""
