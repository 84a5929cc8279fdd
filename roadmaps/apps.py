from django.apps import AppConfig


class RoadmapsConfig(AppConfig):
    name = "roadmaps"
    verbose_name = "Roadmaps"

    def ready(self) -> None:
        # Their kept sentences are told by pages, which need nothing else of them.
        from roadmap_project.library import sentences  # noqa: F401
        from roadmaps import editing  # noqa: F401
        from roadmaps.steps import sweeping  # noqa: F401
