"""What each lesson asks, and how it knows the right answer."""
