"""Does the matrix see it? Each of these spoils what passes between a package
and the mock, of one dialect and row; the cell has to fail. `run --bite`."""

import json
import re


def member(*path):
    """Leaves out a member of a whole answer."""
    def told(body):
        value = at = json.loads(body)

        for name in path[:-1]:
            at = at[name]

        del at[path[-1]]

        return json.dumps(value).encode()

    return {'told': told, 'whole': True}


def answer(pattern, to, whole=False):
    """Changes an answer's bytes, of a stream if not whole."""
    def told(body):
        return re.sub(pattern, to, body, flags=re.S)

    return {'told': told, 'whole': whole}


def request(pattern, to, whole=True):
    """Changes a request's bytes, its head too."""
    def asked(data):
        return re.sub(pattern, to, data, flags=re.S)

    return {'asked': asked, 'whole': whole}


BITES = [
    # to a provider
    ('oc', 'turns', request(rb'authorization: Bearer', b'x-old: Bearer')),
    ('oc', 'turns', request(rb'accept:', b'x-api-key: k\r\naccept:')),
    ('oc', 'turns', request(rb'accept:', b'anthropic-beta: x\r\naccept:')),
    ('oc', 'turns', request(rb'"model"', b'"modal"')),
    ('oc', 'tool', request(rb'call_c(\w+)","function',
                            rb'call_d\1","function')),
    ('oc', 'tool', request(rb'RESULT 0', b'RESULT 1')),
    ('oc', 'turns', request(rb'0\.5', b'0.6')),
    ('oc', 'turns', request(rb'"please', b'"pleaze')),
    ('oc', 'image', request(rb'image/png', b'image/gif')),
    ('or', 'reason', request(rb'encrypted_content":"..',
                             b'encrypted_content":"AA')),
    ('or', 'tool', request(rb'"strict": ?false,?', b'           ')),
    ('an', 'reason', request(rb'signature": ?"..', b'signature":"AA')),
    ('an', 'reason', request(rb'about c', b'about d')),
    ('an', 'tool', request(rb'2026-10-21', b'2026-10-22')),
    ('ge', 'reason', request(rb'thoughtSignature": "..',
                             b'thoughtSignature": "AA')),
    ('ge', 'parallel', request(rb'Oslo', b'Ossi')),
    ('be', 'reason', request(rb'signature": "..', b'signature": "AA')),
    ('be', 'tool', request(rb'"toolConfig"', b'"toolConfix"')),
    ('be', 'pdf', request(rb'JVBE', b'JVBF')),
    ('ol', 'tool', request(rb'"tool_name"', b'"tool_nome"')),
    ('co', 'schema', request(rb'"degrees"', b'"degreez"')),

    # to a client, whole
    ('oc', 'turns', member('choices', 0, 'logprobs')),
    ('oc', 'turns', member('usage', 'total_tokens')),
    ('oc', 'tool', answer(rb'9007199254740993', b'9007199254740992', True)),
    ('oc', 'tool', answer(rb'1\.0', b'1', True)),
    ('oc', 'turns', answer(rb'"prompt_tokens": (.)', rb'"prompt_tokens": 9\1',
                           True)),
    ('oc', 'stop', answer(rb'"length"', b'"stop"  ', True)),
    ('or', 'turns', member('incomplete_details')),
    ('or', 'tool', answer(rb'"status": "completed", "error"',
                          b'"status": "failed",    "error"', True)),
    ('an', 'turns', member('content', 0, 'type')),
    ('an', 'stop', answer(rb'"STOP-HERE"', b'null       ', True)),
    ('ge', 'turns', member('usageMetadata')),
    ('be', 'turns', member('metrics')),
    ('be', 'refusal', answer(rb'content_filtered', b'end_turn        ',
                             True)),
    ('ol', 'turns', member('done')),
    ('co', 'turns', member('id')),
    ('co', 'error', answer(rb'"message"', b'"massage"', True)),

    # to a client, streamed
    ('oc', 'turns', answer(rb'data: \[DONE\]\n\n', b'')),
    ('oc', 'turns', answer(rb'"role": "assistant", ', b'')),
    ('oc', 'parallel', answer(rb'"index": 2, "id"', b'"index": 1, "id"')),
    ('oc', 'turns', answer(rb'data: [^\n]*"choices": \[\][^\n]*\n\n', b'')),
    ('or', 'turns', answer(rb'"sequence_number": 3', b'"sequence_number": 4')),
    ('or', 'turns', answer(rb'event: response.in_progress.*?\n\n', b'')),
    ('or', 'turns', answer(rb'event: response.output_text.done.*?\n\n', b'')),
    ('an', 'turns', answer(rb'event: message_stop\n',
                           b'event: message_end\n')),
    ('an', 'parallel', answer(rb'"content_block_stop", "index": 1',
                              b'"content_block_stop", "index": 0')),
    ('an', 'turns', answer(rb'event: ping', b'event: pang')),
    ('ge', 'turns', answer(rb', "finishReason": "STOP"', b'')),
    ('ge', 'turns', answer(rb'\Adata', b': keep\n\ndata')),
    ('be', 'turns', answer(rb'stopReason": "end_turn',
                           b'stopReason": "end_tern')),
    ('ol', 'turns', answer(rb'"done": true', b'"done": false')),
    ('ol', 'turns', answer(rb'"created_at": "[^"]*", ', b'')),
    ('co', 'turns', answer(rb'event: content-end.*?\n\n', b'')),
    ('co', 'tool', answer(rb'"finish_reason": "TOOL_CALL"',
                          b'"finish_reason": "COMPLETE"')),
]
