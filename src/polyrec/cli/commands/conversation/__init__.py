"""polyrec chat, and what it does with a bundle."""
