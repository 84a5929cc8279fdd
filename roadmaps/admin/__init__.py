"""Records of the work on roadmaps, for editors and operators; what is curated has its pages in `content`."""

from roadmaps.admin import people, records, tasks  # noqa: F401  registers them
