"""Prints constraints.txt: every installed package at its version (`make constraints`)."""

from __future__ import annotations

from importlib import metadata

HEADER = """\
# Every package that Runyard, its training wing and its tests need, at the versions they were tried with.
# Written by `make constraints`. torch is installed first, by itself; see the Makefile for the reason.
"""
LEFT_OUT = {"runyard", "pip", "wheel"}


def pins() -> list[str]:
    """Lines `name==version` in alphabetic order, without local labels such as `+cpu`."""
    found = {dist.name.lower().replace("_", "-"): dist.version.split("+")[0] for dist in metadata.distributions()}
    return [f"{name}=={version}" for name, version in sorted(found.items()) if name not in LEFT_OUT]


if __name__ == "__main__":
    print(HEADER + "\n".join(pins()))
