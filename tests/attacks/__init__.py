"""Each way in that was once found, played by its attacker: the defence holds, and without it the attack succeeds."""
