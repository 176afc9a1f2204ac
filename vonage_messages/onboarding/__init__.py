"""From an account to a first message: what makes an application and its key, and what finds out why nothing works."""
