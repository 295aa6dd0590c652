"""The look at the validation examples: their mean loss and their scores, each process its share of them."""

import math

import torch

from runyard.train.gradients import Autocast
from runyard.train.parallel import Team
from runyard.train.task import Task


@torch.no_grad()
def validated(
    task: Task, model: torch.nn.Module, autocast: Autocast, device: torch.device, team: Team
) -> dict[str, float]:
    """Return `val_loss` and the scores of a task; leaves the model in evaluation mode."""
    model.eval()
    total, count = 0.0, 0.0
    outputs, labels = [], []
    batches = task.batches("validation", 1)
    for number in team.share(range(len(batches))):
        batch = batches[number]
        with autocast():
            loss = task.loss(model, batch.to(device))
        total, count = total + loss.total.item(), count + loss.count.item()
        outputs.append(loss.outputs.float().cpu())
        labels.append((batch.labels if loss.labels is None else loss.labels).cpu())
    if team.world > 1:
        parts = team.gathered((total, count, outputs, labels))
        total, count = sum(part[0] for part in parts), sum(part[1] for part in parts)
        outputs = [each for part in parts for each in part[2]]
        labels = [each for part in parts for each in part[3]]
    scores = task.metrics(torch.cat(outputs), torch.cat(labels))
    return {"val_loss": total / count if count else math.nan, **scores}
