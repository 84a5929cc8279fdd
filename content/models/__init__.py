"""What was written for a concept, in versions, and what people add to it."""

from content.models.personal import Note, QuizAttempt
from content.models.pieces import MODELS, Piece, Question, Quiz, Resource, ResourceList, Tutorial, came_out_the_same
from content.models.share import Share

__all__ = [
    "MODELS",
    "Note",
    "Piece",
    "Question",
    "Quiz",
    "QuizAttempt",
    "Resource",
    "ResourceList",
    "Share",
    "Tutorial",
    "came_out_the_same",
]
