"""What a run that failed may do about it by itself."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from runyard.config.part import ADVANCED, Part, Whole


def _nothing(value: Any) -> Any:
    """An empty field of a form, or of the YAML, is no fallback."""
    return {} if value is None else value


class Recovery(Part):
    """Whether a failed run is tried again with what mends it, how often, and what is tried in the end."""

    enabled: bool = Field(
        default=True,
        title="Recover",
        description="Try again after a failure: less memory, a lower rate, from the last good checkpoint.",
        json_schema_extra=ADVANCED,
    )
    max_attempts: Whole = Field(
        default=5,
        ge=1,
        le=100,
        title="Most attempts",
        description="Attempts before Runyard gives up, the first one included; a resume by hand counts anew.",
        json_schema_extra=ADVANCED,
    )
    fallback: Annotated[dict[str, Any], BeforeValidator(_nothing)] = Field(
        default_factory=dict,
        title="Fallback",
        description="Settings for one more attempt when all others failed, such as a smaller model.",
        json_schema_extra=ADVANCED,
    )
