"""Keep what was costly to make: the content-addressed feature cache, and the state of parts."""
