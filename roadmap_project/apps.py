from django.apps import AppConfig


class RoadmapProjectConfig(AppConfig):
    name = "roadmap_project"
    verbose_name = "Roadmaps: shared ground"

    def ready(self) -> None:
        from roadmap_project import checks, live_checks  # noqa: F401  registers them
