"""Answers to classifications as a tree to show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Answer:
    """What was chosen or written, with the questions that follow from it."""

    text: str
    questions: list[Question] = field(default_factory=list)


@dataclass(slots=True)
class Question:
    """A classification and its answers. `about` says what it is about when it is a part of the data row."""

    name: str
    answers: list[Answer]
    about: str = ""

    def brief(self) -> str:
        """In one line, with what follows from the answers."""
        parts = []
        for answer in self.answers:
            nested = ", ".join(question.brief() for question in answer.questions)
            parts.append(f"{answer.text} ({nested})" if nested else answer.text)
        return f"{self.name}: {', '.join(parts)}"


def questions_of(classifications: list[dict[str, Any]]) -> list[Question]:
    """The classifications of a label, an object or an answer, in the form of exports."""
    return [Question(str(each["name"]), answers_of(each), _about(each)) for each in classifications]


def answers_of(classification: dict[str, Any]) -> list[Answer]:
    """The answers of one classification. Those of messages have names of their own."""
    found = {key.removeprefix("conversational_"): value for key, value in classification.items()}
    if "text_answer" in found:
        return [Answer(str(found["text_answer"]["content"]))]
    chosen = [found["radio_answer"]] if "radio_answer" in found else found.get("checklist_answers", [])
    return [Answer(str(each["name"]), questions_of(each.get("classifications", []))) for each in chosen]


def _about(classification: dict[str, Any]) -> str:
    return f"message {classification['message_id']}" if "message_id" in classification else ""
