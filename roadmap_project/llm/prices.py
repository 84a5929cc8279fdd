"""What does a model's answer cost, and is it counted at its own model's prices?"""

from django.conf import settings

OPENAI = "://api.openai.com/"
MILLION = 1_000_000


def model_of(purpose: str) -> str:
    model: str = settings.OPENAI_MODEL_BY_PURPOSE.get(purpose, settings.OPENAI_MODEL)
    return model


def dollars(purpose: str, *, input_tokens: float, output_tokens: float) -> float:
    """By the purpose's own prices, else by those of all."""
    usual = (settings.LLM_PRICE_INPUT, settings.LLM_PRICE_OUTPUT)
    of_input, of_output = settings.LLM_PRICES_BY_PURPOSE.get(purpose, usual)
    return float(input_tokens * of_input + output_tokens * of_output) / MILLION


def counted_at_anothers() -> dict[str, str]:
    """The purposes whose calls are counted at the prices of another model than theirs, with their models.

    The prices of all are one model's: OPENAI_MODEL's where that is called, and where none are set those of the model
    that the defaults belong to, at its own address, as the same name costs otherwise elsewhere.
    """
    models = {each: model_of(each) for each in settings.LLM_PURPOSES if each not in settings.LLM_PRICES_BY_PURPOSE}
    if settings.LLM_PRICES_ARE_SET:
        called = list(models.values())
        priced = settings.OPENAI_MODEL if settings.OPENAI_MODEL in called else next(iter(called), "")
    else:
        is_at_openai = not settings.OPENAI_BASE_URL or OPENAI in f"{settings.OPENAI_BASE_URL}/"
        priced = settings.PRICED_MODEL if is_at_openai else ""
    return {purpose: model for purpose, model in models.items() if model != priced}
