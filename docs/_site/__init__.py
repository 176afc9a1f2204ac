"""What builds the site: nothing of it is in the package."""
