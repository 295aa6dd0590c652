"""Answers of a language model to held-out prompts: samples for people, BLEU for curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runyard.data.dialogues import Message, Shape, as_told, last_answer
from runyard.train.dialogue_tokens import Writer
from runyard.train.language_model import generate
from runyard.train.task import Sample

BLEU_EXAMPLES = 16
_LONGEST = 4000  # characters of a text in the journal
_OPENING = 12  # words of a plain text that the model is to continue


@dataclass(frozen=True)
class Question:
    """A held-out prompt, as the model and as people read it, and the answer of the data."""

    tokens: list[int]
    prompt: str
    expected: str


def questions(writer: Writer, shape: Shape, examples: Sequence[list[Message]], count: int) -> list[Question]:
    """Return the prompts of so many examples, evenly spread over all; of plain texts their first words."""
    found: list[Question] = []
    for number in range(min(count, len(examples))):
        messages = examples[number * len(examples) // min(count, len(examples))]
        if shape == "texts":
            words = messages[0]["content"].split()
            half = min(_OPENING, max(1, len(words) // 2))
            asked, expected = [{"role": "user", "content": " ".join(words[:half])}], " ".join(words[half:])
        else:
            asked, expected = last_answer(messages)
        if asked:
            tokens = writer.prompt(asked, continued=shape == "texts")
            found.append(Question(tokens, as_told(asked)[:_LONGEST], expected[:_LONGEST]))
    return found


def answered(model: Any, tokenizer: Any, asked: Sequence[Question], *, tokens: int) -> list[Sample]:
    """Return the questions with the answers of a model, each of at most so many tokens."""
    made = generate(model, tokenizer, [question.tokens for question in asked], tokens=tokens)
    return [
        Sample(number, question.prompt, question.expected, answer[:_LONGEST])
        for number, (question, answer) in enumerate(zip(asked, made, strict=True), start=1)
    ]


def bleu(samples: Sequence[Sample]) -> float:
    """Return the BLEU of all answers together by sacrebleu, as a share from 0 to 1."""
    import sacrebleu

    answers, expected = [sample.answer for sample in samples], [sample.expected for sample in samples]
    return float(sacrebleu.corpus_bleu(answers, [expected]).score / 100)
