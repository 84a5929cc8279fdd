"""What does a roadmap look like that is brought in? A small one, that is taken as it stands."""

from typing import Any

QUESTION: dict[str, Any] = {
    "kind": "single_choice",
    "question": "What does a row stand for?",
    "options": ["One thing", "One property", "The whole table"],
    "correct": [0],
    "explanation": "Each row is one thing; its properties are the columns.",
    "difficulty": "easy",
}
QUIZ: dict[str, Any] = {"questions": [QUESTION], "origin": "Written by hand."}
CONCEPT: dict[str, Any] = {
    "key": "c-1-1-1",
    "name": "Tables and rows",
    "description": "How a database keeps what belongs together.",
    "hours": 1.5,
    "difficulty": "easy",
    "keywords": ["table", "row", "column"],
    "prerequisites": [],
    "quiz": QUIZ,
}
MODULE: dict[str, Any] = {
    "name": "First questions",
    "description": "What is in a table, and how to ask for it.",
    "concepts": [CONCEPT],
}
STAGE: dict[str, Any] = {"name": "Reading", "description": "Answers from one table.", "modules": [MODULE]}
ROADMAP: dict[str, Any] = {
    "format": "roadmap",
    "version": 2,
    "title": "Querying a database",
    "goal": "Query our sales database myself",
    "stages": [STAGE],
}
EXAMPLES = {
    "RoadmapDocument": ROADMAP,
    "StageDocument": STAGE,
    "ModuleDocument": MODULE,
    "ConceptDocument": CONCEPT,
    "QuizDocument": QUIZ,
    "QuestionDocument": QUESTION,
}
