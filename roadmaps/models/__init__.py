"""The rows of a roadmap, its outline's history, the work on it, and what happened."""

from roadmaps.models.person import Mail, Profile
from roadmaps.models.progress import ConceptProgress
from roadmaps.models.record import LogEntry, ModelCall
from roadmaps.models.review import Feedback, OutlineReview, OutlineRevision
from roadmaps.models.roadmap import Roadmap
from roadmaps.models.step import ClusterHeartbeat, ProviderPause, QueueHeartbeat, Step
from roadmaps.models.subject import LibrarySubject, SubjectVersion
from roadmaps.models.tree import Concept, Module, Stage

__all__ = [
    "ClusterHeartbeat",
    "Concept",
    "ConceptProgress",
    "Feedback",
    "LibrarySubject",
    "LogEntry",
    "Mail",
    "ModelCall",
    "Module",
    "OutlineReview",
    "OutlineRevision",
    "Profile",
    "ProviderPause",
    "QueueHeartbeat",
    "Roadmap",
    "Stage",
    "Step",
    "SubjectVersion",
]
