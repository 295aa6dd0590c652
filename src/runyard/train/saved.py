"""Saved models, loaded again: sums are checked first, weights are safetensors or skops; no pickle, no code is run."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from runyard.core.errors import Corrupt, NotFound
from runyard.data.dialogues import Message
from runyard.data.features import Feature
from runyard.train.files import sha256_of

Shares = NDArray[np.float64]
_BATCH = 32
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class SavedModel:
    """A classifier as it was saved.

    `shares` returns the probability of each class, (n, classes), of texts, of windows (n, time, channels), or of
    rows (n, features) with the columns `features`.
    """

    reads: Literal["texts", "series", "table"]
    classes: list[str]
    shares: Callable[[Any], Shares]
    window: int | None = None
    features: tuple[Feature, ...] = ()


@dataclass(frozen=True)
class SavedLanguageModel:
    """A language model as it was saved.

    `scores` judges it on examples by the names of scores, `answer` answers lists of messages.
    """

    scores: Callable[[Sequence[list[Message]], Sequence[str]], dict[str, float]]
    answer: Callable[[Sequence[list[Message]]], list[str]]


def load_saved(folder: Path, sha256: str | None = None) -> SavedModel | SavedLanguageModel:
    """Load the model of a run's folder.

    Args:
        sha256: of its manifest, as the run journalled it; the manifest holds the sums of all files.

    Raises:
        NotFound: there is no model.
        Corrupt: a sum does not agree, or a file is missing, added or not readable.
    """
    check_sums(folder, sha256)
    try:
        if (folder / "language.json").is_file():
            from runyard.train.language_saved import load_saved_language_model

            return load_saved_language_model(folder)
        if (folder / "classifier.json").is_file():
            return _text_classifier(folder)
        about = json.loads((folder / "config.json").read_text("utf-8"))
        if about["model_type"] == "majority":
            return _majority(about)
        if about["model_type"] == "tfidf_logreg":
            return _tfidf(folder, about)
        if (folder / "model.skops").is_file():
            return _estimator(folder, about)
        return _series_net(folder, about)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise Corrupt(f"The model in {folder} cannot be loaded: {error}", hint="Train it again.") from error


def check_sums(folder: Path, sha256: str | None) -> None:
    """Compare every file of a model with the manifest, and that with the sum that is known.

    Raises:
        NotFound, Corrupt: as `load_saved`.
    """
    manifest = folder / _MANIFEST
    if not manifest.is_file():
        raise NotFound(f"There is no saved model in {folder}.", hint="It was moved or deleted; train it again.")
    if sha256 is not None and sha256_of(manifest) != sha256:
        raise _changed(manifest)
    try:
        sums = json.loads(manifest.read_text("utf-8"))["sha256"]
        there = {path.name for path in folder.iterdir()} - {_MANIFEST}
        for name in sorted(there | set(sums)):
            if name not in sums or sha256_of(folder / name) != sums[name]:
                raise _changed(folder / name)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Corrupt(f"The model in {folder} is not whole: {error}", hint="Train it again.") from error


def _changed(path: Path) -> Corrupt:
    return Corrupt(
        f"{path} is not what the run saved: its sha256 does not agree.",
        hint="It was changed after the training; train the model again, or put the saved file back.",
    )


def _text_classifier(folder: Path) -> SavedModel:
    import torch
    from safetensors.torch import load_file

    from runyard.train.encoder import TextClassifier, features_of, load_encoder, tokenized

    about = json.loads((folder / "classifier.json").read_text("utf-8"))
    encoder, tokenizer = load_encoder(folder)
    head = load_file(folder / "head.safetensors")
    classes = list(about["classes"])
    model = TextClassifier(encoder, int(encoder.config.hidden_size), len(classes), dropout=0.0).eval()
    model.head.load_state_dict(head)

    @torch.no_grad()
    def shares(texts: Sequence[str]) -> Shares:
        rows, _ = tokenized(tokenizer, encoder, texts, about["max_length"])
        features = features_of(encoder, rows, tokenizer.pad_token_id or 0, _BATCH, torch.device("cpu"))
        return _softmax(model.head(features).double().numpy())

    return SavedModel("texts", classes, shares)


def _tfidf(folder: Path, about: dict[str, Any]) -> SavedModel:
    from safetensors.numpy import load_file
    from sklearn.feature_extraction.text import TfidfVectorizer

    numbers = load_file(folder / "model.safetensors")
    vectorizer = TfidfVectorizer(
        vocabulary=about["vocabulary"], ngram_range=tuple(about["ngram_range"]), sublinear_tf=True
    )
    vectorizer.idf_ = numbers["idf"]

    def shares(texts: Sequence[str]) -> Shares:
        return _softmax(np.asarray(vectorizer.transform(list(texts)) @ numbers["weight"].T) + numbers["bias"])

    return SavedModel("texts", list(about["classes"]), shares)


def _majority(about: dict[str, Any]) -> SavedModel:
    shares = np.array(about["shares"], dtype=np.float64)
    window = about.get("window")
    classes, features = list(about["classes"]), _features(about)
    reads: Literal["texts", "table", "series"] = "table" if features else "texts" if window is None else "series"
    return SavedModel(reads, classes, lambda inputs: np.tile(shares, (len(inputs), 1)), window, features)


def _series_net(folder: Path, about: dict[str, Any]) -> SavedModel:
    import torch
    from safetensors.torch import load_file

    from runyard.train.nets import NETS

    model = NETS[about["model_type"]](**about["architecture"]).eval()
    model.load_state_dict(load_file(folder / "model.safetensors"))
    _, length, channels = about["input"]["shape"]

    @torch.no_grad()
    def shares(windows: NDArray[np.float32]) -> Shares:
        if windows.shape[2] != channels:
            raise _wrong_channels(windows.shape[2], channels)
        x = torch.from_numpy(np.ascontiguousarray(windows, dtype=np.float32))
        logits = [model(x[start : start + _BATCH]) for start in range(0, len(x), _BATCH)]
        return _softmax(torch.cat(logits).double().numpy())

    if "columns" in about:
        from runyard.train.estimator_files import load_estimator

        prepare = load_estimator(folder / "prepare.skops")
        features = _features(about)
        return SavedModel(
            "table",
            list(about["classes"]),
            lambda rows: shares(np.asarray(prepare.transform(rows), dtype=np.float32)[:, None, :]),
            features=features,
        )
    return SavedModel("series", list(about["classes"]), shares, window=int(length))


def _estimator(folder: Path, about: dict[str, Any]) -> SavedModel:
    from runyard.train.estimator_files import load_estimator

    pipeline, classes = load_estimator(folder / "model.skops"), list(about["classes"])
    if "window" not in about:

        def shares(rows: NDArray[Any]) -> Shares:
            return np.asarray(pipeline.predict_proba(rows), dtype=np.float64)

        return SavedModel("table", classes, shares, features=_features(about))
    length, channels = about["window"]

    def of_windows(windows: NDArray[np.float32]) -> Shares:
        if windows.shape[2] != channels:
            raise _wrong_channels(windows.shape[2], channels)
        rows = windows.reshape(len(windows), -1).astype(np.float64)
        return np.asarray(pipeline.predict_proba(rows), dtype=np.float64)

    return SavedModel("series", classes, of_windows, window=int(length))


def _features(about: dict[str, Any]) -> tuple[Feature, ...]:
    return tuple(Feature(column["name"], column["kind"]) for column in about.get("columns", ()))


def _wrong_channels(found: int, expected: int) -> Exception:
    from runyard.core.errors import Invalid

    return Invalid(f"The series have {found} channels; the model reads {expected}.", hint="Give it series like those.")


def _softmax(logits: NDArray[Any]) -> Shares:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float64)
