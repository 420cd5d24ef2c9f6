"""The services that Trellis itself names, for steps that ask no service of a definition's own."""

from __future__ import annotations

QUERY_SERVICE = "trellis.query"  # does the work of ``query`` steps
LLM_INTENT_SERVICE = "trellis.llm_intent"  # does the work of ``llm_intent`` steps
