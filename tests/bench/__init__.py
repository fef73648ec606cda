"""Measurements that are too long for the tests: run through make."""
