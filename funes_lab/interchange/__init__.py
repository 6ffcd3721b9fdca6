"""Logs that come from elsewhere: today the changes of every clock in the world (`timezones`)."""
