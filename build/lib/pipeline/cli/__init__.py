"""The command line and the make targets, both made from the stages that the rooms declare."""
