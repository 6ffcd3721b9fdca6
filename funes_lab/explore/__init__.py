"""Explore: what a new rule would have refused, why an event was refused, what if. None of it touches the log."""
