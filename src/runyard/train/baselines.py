"""The baselines of scikit-learn: fitted in one go, with the same events as a network and one honest epoch."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runyard.config.models import EncoderLogreg, TfidfLogreg
from runyard.config.run import RunConfig
from runyard.core import usage
from runyard.core.paths import Yard
from runyard.data.sources import find_model
from runyard.train.attempt import Attempt
from runyard.train.outcome import Outcome
from runyard.train.scores import classification_scores, numbered
from runyard.train.text_data import Notice, TextData, read_text_data

_LEAST_PROBABILITY = 1e-15


def run_baseline(attempt: Attempt, folder: Path) -> Outcome:
    """Fit a baseline, journal its epoch and save it to `folder`."""
    from sklearn.linear_model import LogisticRegression

    config, yard, pen, part = attempt.config, attempt.yard, attempt.pen, attempt.config.model
    assert isinstance(part, TfidfLogreg | EncoderLogreg)
    if isinstance(part, EncoderLogreg):
        import torch

        from runyard.train.precision import set_determinism

        set_determinism(config.seed, config.resources.threads, torch.device("cpu"))
    attempt.started("cpu", accelerators=1)
    data = read_text_data(config, yard, attempt.notice)
    began, cpu_began = time.perf_counter(), time.process_time()
    base_model = part.base_model if isinstance(part, EncoderLogreg) else None
    pen.emit("planned", total_epochs=1, total_steps=1, base_model=base_model, **data.facts)
    x, saved, tokens = (
        _tfidf(part, data) if isinstance(part, TfidfLogreg) else _encoded(part, config, yard, data, attempt.notice)
    )
    y = numbered(data.labels, data.classes)
    model = LogisticRegression(C=part.inverse_regularization, max_iter=1000, random_state=config.seed)
    model.fit(x[data.training], y[data.training])
    losses, scores = {}, {}
    for name, members in (("train", data.training), ("validation", data.validation)):
        shares = np.zeros((len(members), len(data.classes)))
        shares[:, model.classes_] = model.predict_proba(x[members])
        losses[name] = log_loss(shares, y[members])
        scores = classification_scores(shares.argmax(1), y[members], len(data.classes), config.evaluation.metrics)
    seconds = time.perf_counter() - began
    monitor = config.optimization.early_stopping.monitor
    pen.epoch(
        1,
        step=1,
        train_loss=losses["train"],
        val_loss=losses["validation"],
        val_metric=scores.get(monitor),
        epoch_seconds=seconds,
        samples=len(data.training),
        tokens=tokens,
        memory_gb=usage.memory_gb(),
        cpu_utilization=min(1.0, (time.process_time() - cpu_began) / seconds / config.resources.threads),
        metrics=scores,
    )
    _save(folder, model, part, data, saved)
    return Outcome(steps=1, tokens=tokens or 0)


def log_loss(shares: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    """Return the mean of -log of the probability of the right class; zero counts as 1e-15."""
    right = shares[np.arange(len(y)), y]
    return float(-np.log(np.clip(right, _LEAST_PROBABILITY, 1.0)).mean())


def _tfidf(part: TfidfLogreg, data: TextData) -> tuple[Any, dict[str, Any], None]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(ngram_range=(1, part.ngram_max), max_features=part.max_features, sublinear_tf=True)
    vectorizer.fit([data.texts[i] for i in data.training])
    vocabulary = {term: int(index) for term, index in vectorizer.vocabulary_.items()}
    saved = {"idf": vectorizer.idf_.astype(np.float64), "vocabulary": vocabulary}
    return vectorizer.transform(data.texts), saved, None


def _encoded(
    part: EncoderLogreg, config: RunConfig, yard: Yard, data: TextData, notice: Notice
) -> tuple[Any, dict[str, Any], int]:
    import torch

    from runyard.train.encoder import check_length, features_of, load_encoder, tokenized
    from runyard.train.token_cache import cached_tokens

    folder, longest = find_model(part.base_model, yard), config.hyperparameters.max_length
    encoder, tokenizer = load_encoder(folder)
    check_length(tokenizer, encoder, longest)
    given = (yard, config.training_data, data.sha256, folder, longest, data.texts)
    rows, cut = cached_tokens(*given, lambda: tokenized(tokenizer, encoder, data.texts, longest))
    if cut:
        message = f"{cut} of {len(rows)} texts are longer than {longest} tokens and were cut."
        notice("info", message, "Raise hyperparameters.max_length to read more of them.")
    padding = tokenizer.pad_token_id or 0
    features = features_of(encoder, rows, padding, config.hyperparameters.batch_size, torch.device("cpu"))
    saved = {"encoder": encoder, "tokenizer": tokenizer, "max_length": config.hyperparameters.max_length}
    return features.numpy().astype(np.float64), saved, sum(len(row) for row in rows)


def _save(folder: Path, model: Any, part: TfidfLogreg | EncoderLogreg, data: TextData, saved: dict[str, Any]) -> None:
    """Write numbers and words, nothing pickled."""
    # With two classes scikit-learn keeps one row, that of the second class.
    weight, bias = model.coef_, model.intercept_
    if len(weight) == 1:
        weight, bias = np.vstack([-weight / 2, weight / 2]), np.concatenate([-bias / 2, bias / 2])
    classes = [data.classes[i] for i in model.classes_]
    if isinstance(part, EncoderLogreg):
        import torch

        from runyard.train.encoder import save_classifier

        head = {"weight": torch.from_numpy(weight).float(), "bias": torch.from_numpy(bias).float()}
        about = {"classes": classes, "max_length": saved["max_length"]}
        save_classifier(folder, saved["encoder"], saved["tokenizer"], head, about)
        return
    from safetensors.numpy import save_file

    save_file({"weight": weight, "bias": bias, "idf": saved["idf"]}, folder / "model.safetensors")
    about = {
        "model_type": "tfidf_logreg",
        "classes": classes,
        "features": "TfidfVectorizer(vocabulary=vocabulary, ngram_range, sublinear_tf=True), its idf_ from the file",
        "logits": "features @ weight.T + bias",
        "ngram_range": [1, part.ngram_max],
        "vocabulary": saved["vocabulary"],
    }
    (folder / "config.json").write_text(json.dumps(about, ensure_ascii=False), "utf-8")
