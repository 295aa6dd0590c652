"""Statistics as pure functions of arrays; what SQL can count stays in views."""
