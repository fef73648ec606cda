"""How far readers agree, and what they say of the clusters."""
