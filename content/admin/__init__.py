"""Where editors curate: roadmaps, concepts, and what was written for them."""

from content.admin import concepts, pieces, roadmaps, subjects  # noqa: F401  registers them
