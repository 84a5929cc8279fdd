"""The pages about what was written for a concept, about taking it away and sharing it."""
