"""Where state survives a crash: one folder per database, behind the protocols of the lower floors."""
