"""The demo's model and data: fetched by pinned hash and converted once, at set-up; later only linked."""
