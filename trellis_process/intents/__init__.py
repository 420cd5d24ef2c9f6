"""Intents: what models are asked to do, for the ``llm_intent`` steps of definitions.

Begin at ``Intents``: each intent has a name, which definitions use, and instructions.
``worker.intents(intents)`` makes a Lambda handler of them, ``runner.intents(intents)`` has a
program ask for itself. The model is a ``BedrockModel``, a ``ScriptedModel`` in tests, or anything
else that is a ``Model``. Needs ``trellis-process[intents]``.
"""

from trellis_process.intents.bedrock_model import BedrockModel
from trellis_process.intents.intents import Intents
from trellis_process.intents.model import Model, Question, Reply, Stop
from trellis_process.intents.scripted_model import ScriptedModel

__all__ = [
    "BedrockModel",
    "Intents",
    "Model",
    "Question",
    "Reply",
    "ScriptedModel",
    "Stop",
]
