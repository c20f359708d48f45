"""What is refused, and why: the rows of which a target has no words (R of
the translation's reference), by row and target, and what a client's dialect
itself has no place for. A refusal is a 400 of the client's dialect that names
the client's own member, and nothing of it reaches the provider."""

# by row and target
REFUSED = {
    ('pdf', 'ol'): 'C7: Ollama takes no documents',
    ('pdf', 'co'): 'C7: Cohere takes no documents but plain text',
}

# by row and client: a PDF stands where an image would, and is none
UNSAID = {
    ('pdf', 'ol'): 'C5, C7: a PDF among images',
    ('pdf', 'co'): 'C5, C7: a PDF among images',
}

# the client's member that is to be named
MEMBERS = {
    ('pdf', 'oc'): 'file', ('pdf', 'or'): 'input_file',
    ('pdf', 'an'): 'document', ('pdf', 'ge'): 'inlineData',
    ('pdf', 'be'): 'document', ('pdf', 'ol'): 'images',
    ('pdf', 'co'): 'image_url',
}


def reason(row, way, to):
    return REFUSED.get((row, to)) or UNSAID.get((row, way))
