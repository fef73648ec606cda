"""The share under every definition, from the read documents."""
