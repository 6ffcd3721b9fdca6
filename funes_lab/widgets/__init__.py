"""What the lab looks like: one theme, static pictures and reprs, and the widgets that steer them."""
