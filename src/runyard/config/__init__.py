"""What may be asked of a run: pydantic models, the border that accepts other people's names, and data checks.

Torch-free: pages, the command line and the launcher import this floor.
"""
