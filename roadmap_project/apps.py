from django.apps import AppConfig


class RoadmapProjectConfig(AppConfig):
    name = "roadmap_project"
    verbose_name = "Roadmaps: shared ground"

    def ready(self) -> None:
        from django_q.signals import pre_execute

        from roadmap_project import checks, live_checks, process  # noqa: F401  the checks register themselves

        pre_execute.connect(process.begin_task)
