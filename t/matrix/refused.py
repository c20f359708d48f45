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

# what is to be named: the client's member, or the kind of what is in it
MEMBERS = {
    ('pdf', 'oc'): ('file', 'application/pdf'),
    ('pdf', 'or'): ('input_file', 'application/pdf'),
    ('pdf', 'an'): ('document', 'application/pdf'),
    ('pdf', 'ge'): ('inlineData', 'application/pdf'),
    ('pdf', 'be'): ('document', 'application/pdf'),
    ('pdf', 'ol'): ('images', 'application/pdf'),
    ('pdf', 'co'): ('image_url', 'application/pdf'),
}

# the target that is to be named, where it is the target that cannot
TARGETS = {'ol': 'Ollama', 'co': 'Cohere'}


def reason(row, way, to):
    return REFUSED.get((row, to)) or UNSAID.get((row, way))
