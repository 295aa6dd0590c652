"""Dialogues as token numbers, with the tokens of the answers marked: the loss is on those alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from runyard.core.errors import Invalid
from runyard.data.checks import no_chat_template
from runyard.data.dialogues import Message, Shape

Template = Literal["chat", "plain"]


@dataclass(frozen=True)
class Row:
    """The tokens of an example; `answer` says of each whether it is to be learned."""

    tokens: list[int]
    answer: list[bool]

    @property
    def learned(self) -> int:
        """The number of tokens with a loss: each is predicted from those before it, the first from nothing."""
        return sum(self.answer[1:])


@dataclass(frozen=True)
class Writer:
    """Writes dialogues as a model reads them: in the chat template of its tokenizer, or plainly.

    A plain prompt and its answer are joined as they are, by a line break if the prompt does not end in white space.
    """

    tokenizer: Any
    template: Template
    max_length: int

    def row(self, messages: Sequence[Message]) -> Row:
        """Return all tokens of an example, uncut, with those of its answers marked.

        Raises:
            Invalid: the template writes earlier turns anew when later ones come, or refuses these messages.
        """
        text, spans = self._written(messages)
        special = self.template == "plain"
        coded = self.tokenizer(text, add_special_tokens=special, return_offsets_mapping=True, verbose=False)
        tokens, marks = list(coded["input_ids"]), [False] * len(coded["input_ids"])
        for number, (start, end) in enumerate(coded["offset_mapping"]):
            marks[number] = start < end and any(start < last and end > first for first, last in spans)
        if special:
            marks[-1] = True  # where the tokenizer ends a text itself
            stop = self.tokenizer.eos_token_id
            if stop is not None and tokens[-1] != stop:
                tokens, marks = [*tokens, stop], [*marks, True]
        return Row(tokens, marks)

    def prompt(self, messages: Sequence[Message], *, continued: bool = False) -> list[int]:
        """Return the tokens after which the answer to the last of these messages comes; the oldest are cut.

        Args:
            continued: the answer goes on with the words of a plain text, without a line break.
        """
        if self.template == "chat":
            text = self._rendered(messages, opened=True)
            tokens = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        else:
            parts = [message["content"] for message in messages]
            text = _joined(parts) if continued else _opened(parts)
            tokens = self.tokenizer(text, verbose=False)["input_ids"]
            if len(tokens) > 1 and tokens[-1] in {self.tokenizer.eos_token_id, self.tokenizer.sep_token_id}:
                tokens = tokens[:-1]
        return list(tokens[-self.max_length :])

    def _written(self, messages: Sequence[Message]) -> tuple[str, list[tuple[int, int]]]:
        """Return the text of an example and the places, in characters, of its answers."""
        spans: list[tuple[int, int]] = []
        if self.template == "plain":
            parts = [message["content"] for message in messages]
            return _joined(parts), [(len(_opened(parts[:-1])), len(_joined(parts)))]
        text = self._rendered(messages)
        for number, message in enumerate(messages):
            if message["role"] == "assistant":
                before = self._rendered(messages[:number], opened=True)
                after = self._rendered(messages[: number + 1])
                if not (text.startswith(before) and text.startswith(self._told(after))):
                    raise Invalid(
                        "The chat template writes earlier turns anew when later ones come: its answers cannot be told.",
                        hint="Give one answer to an example, or set training_data.template to plain.",
                    )
                spans.append((len(before), len(self._told(after))))
        return text, spans

    def _told(self, rendered: str) -> str:
        """Leave out the white space after the sign that ends a turn: the model is done there."""
        bare = rendered.rstrip()
        return bare if bare.endswith(tuple(self.tokenizer.all_special_tokens)) else rendered

    def _rendered(self, messages: Sequence[Message], *, opened: bool = False) -> str:
        from jinja2 import TemplateError

        try:
            text: str = self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=opened)
        except (TemplateError, ValueError, KeyError, IndexError) as error:
            roles = ", ".join(message["role"] for message in messages)
            raise Invalid(
                f"The chat template of the model refuses messages of the roles {roles}: {error}",
                hint="Begin with a question (user), then let answers (assistant) and questions take turns.",
            ) from error
        return text


def writer_of(tokenizer: Any, shape: Shape, wanted: str, max_length: int) -> Writer:
    """Return the writer for examples of a shape.

    Args:
        wanted: `training_data.template`: auto, chat or plain.

    Raises:
        Invalid: messages need a chat template, and the tokenizer has none; or it cannot say where its tokens are.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise Invalid("The tokenizer has no tokenizer.json.", hint="Save it as a fast tokenizer of transformers.")
    has = bool(getattr(tokenizer, "chat_template", None))
    chat = shape != "texts" and (wanted == "chat" or shape == "messages" or (wanted == "auto" and has))
    if chat and not has:
        raise no_chat_template()
    return Writer(tokenizer, "chat" if chat else "plain", max_length)


def _joined(parts: Sequence[str]) -> str:
    return _opened(parts[:-1]) + parts[-1]


def _opened(parts: Sequence[str]) -> str:
    """Return what stands before an answer: a line break parts it from a prompt that does not end in white space."""
    return "".join(part if part[-1:].isspace() else f"{part}\n" for part in parts)
