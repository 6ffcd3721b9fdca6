"""Logs that come from elsewhere: files, the changes of every clock in the world, any git repository."""
