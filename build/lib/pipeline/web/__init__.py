"""The polite session: hosts, robots.txt, pace, answers, and the archive they are kept in."""
