"""Replay: the log and the states it leads to, as DataFrames."""
