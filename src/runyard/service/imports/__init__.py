"""Import of what other tools logged: one pure reader per kind of source, one writer for all of them."""
