"""Look for the settings of a run that rank valid best (extra `tune`); test is not in sight."""
