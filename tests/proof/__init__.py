"""The evidence that nothing is lost: random histories, kills, threads, faults, extremes."""
