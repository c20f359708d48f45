"""The seven dialects, by the two letters that the matrix calls them."""

from .base import MODEL, PDF, PNG, View, Wrong, reread
from .chat import Chat
from .cohere import Cohere
from .converse import Converse
from .gemini import Gemini
from .messages import Messages
from .ollama import Ollama
from .responses import Responses

DIALECTS = {d.code: d for d in (Chat(), Responses(), Messages(), Gemini(),
                                Converse(), Ollama(), Cohere())}

NAMES = {'oc': 'OpenAI chat', 'or': 'OpenAI responses',
         'an': 'Anthropic messages', 'ge': 'Gemini', 'be': 'Bedrock Converse',
         'ol': 'Ollama', 'co': 'Cohere v2'}
