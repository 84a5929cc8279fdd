"""The JSON API: what the pages do, for a person's own programs."""
