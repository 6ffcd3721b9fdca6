"""The picture of a storm: contention and throughput against the number of writers."""
