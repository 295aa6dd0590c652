"""Read: one module per noun; arguments in, a query out, whose frame is a Polars frame."""
