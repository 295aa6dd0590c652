"""Charts as pure functions: structure in, spec out; rows are given when a chart is shown."""
