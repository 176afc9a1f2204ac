"""The arithmetic of waiting: limits as data, places under them, and who goes next. Nothing in here waits."""
