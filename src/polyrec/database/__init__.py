"""What lasts in SQL: records, feedback, the change log, keys, uploaded media."""
