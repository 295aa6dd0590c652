"""Floor 0: what every process needs, the hot path of the SDK included. Standard library and orjson only."""
