"""The parts of the leaderboard: cells, fits, searches, peers, the table."""
