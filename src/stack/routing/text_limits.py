"""How much of a text a model reads, as its provider tells, or else the metadata of the model."""

from __future__ import annotations

from stack.apis.inference import Inference, TextLimit
from stack.routing.routes import Routes


async def text_limit(routes: Routes[Inference], model_id: str) -> TextLimit | None:
    """None where nobody tells. Raises: NotFound, ProviderUnavailable."""
    target = await routes.resolve(model_id)
    provider = target.instance.answer()
    # One of somebody else may be older than the call.
    told = await provider.text_limit(target.provider_model_id) if hasattr(provider, "text_limit") else None
    if told is not None:
        return told
    asked = (target.instance.provider_id, target.provider_model_id)
    for model in routes.models():
        length = model.metadata.get("context_length")
        if (model.provider_id, model.provider_model_id) == asked and isinstance(length, int) and length > 0:
            return TextLimit(length)
    return None
