"""Gradient checkpointing: a transformer's layers are computed again on the way back instead of being kept."""

import torch

from runyard.core.errors import Invalid, Problem


def recompute_activations(model: torch.nn.Module) -> None:
    """Let the transformers inside a model keep the inputs of their layers alone.

    Raises:
        Invalid: there is none inside, or its architecture cannot do that.
    """
    able = [m for m in model.modules() if getattr(m, "supports_gradient_checkpointing", False) is True]
    outermost = [m for m in able if not any(m is not other and m in set(other.modules()) for other in able)]
    if not outermost:
        problem = Problem("resources.gradient_checkpointing", "this model cannot do that")
        message = "The model has no layers that can be computed again."
        raise Invalid(message, hint="Set it to false.", problems=[problem])
    for transformer in outermost:
        # The other way needs inputs that ask for gradients, which LoRA's frozen embeddings do not.
        transformer.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})  # type: ignore[operator]
