"""JSON Schema, as far as the providers' published types go (SCHEMAS.md), said
in words that help: where of several shapes none fits, the one that comes
closest says why."""

import gzip
import json
import os
import re

PACK = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    'schemas.json.gz')

TYPES = {
    'object': lambda v: isinstance(v, dict),
    'array': lambda v: isinstance(v, list),
    'string': lambda v: isinstance(v, str),
    'boolean': lambda v: isinstance(v, bool),
    'null': lambda v: v is None,
    'number': lambda v: isinstance(v, (int, float))
    and not isinstance(v, bool),
    'integer': lambda v: isinstance(v, int) and not isinstance(v, bool)
    or isinstance(v, float) and v.is_integer(),
}

KNOWN = {'type', '$ref', 'anyOf', 'additionalProperties', 'properties',
         'required', 'enum', 'const', 'items', 'maxLength', 'minLength',
         'minimum', 'maximum', 'maxProperties', 'minProperties', 'minItems',
         'maxItems', 'pattern', 'format', 'propertyNames', '$schema',
         '$comment', '$defs', '$recursiveAnchor', '$recursiveRef'}


class Schema:

    def __init__(self, root):
        self.root = root
        self.defs = root.get('$defs', {})

    def wrong(self, value):
        """What of it is not allowed, as "path: why", or None."""
        found = self.check(self.root, value, ())

        return found and '%s: %s' % ('/'.join(map(str, found[0])) or '(all)',
                                     found[1])

    def check(self, s, v, path):
        unknown = s.keys() - KNOWN

        if unknown:
            raise ValueError('a schema with %s' % unknown)

        if '$ref' in s:
            return self.check(self.defs[s['$ref'][8:]], v, path)

        if '$recursiveRef' in s:
            return None

        return self.kind(s, v, path) or self.either(s, v, path) \
            or (isinstance(v, dict) and self.members(s, v, path)) \
            or (isinstance(v, list) and self.elements(s, v, path)) \
            or self.bounds(s, v, path) or None

    def kind(self, s, v, path):
        if 'const' in s and v != s['const']:
            return path, '%.60r is not %r' % (v, s['const'])

        if 'enum' in s and v not in s['enum']:
            return path, '%.60r is none of %s' % (v, s['enum'][:12])

        if 'type' in s:
            types = s['type'] if isinstance(s['type'], list) else [s['type']]

            if not any(TYPES[t](v) for t in types):
                return path, '%.60r is no %s' % (v, ' or '.join(types))

        return None

    def either(self, s, v, path):
        best = None

        for branch in s.get('anyOf', ()):
            found = self.check(branch, v, path)

            if found is None:
                return None

            # the branch whose own kind it is, then the deepest fault
            rank = (self.named(branch, v), len(found[0]))

            if best is None or rank > best[0]:
                best = rank, found

        return best and best[1]

    def named(self, s, v):
        """How many of its constants a branch shares with a value."""
        while '$ref' in s:
            s = self.defs[s['$ref'][8:]]

        if not isinstance(v, dict):
            return 0

        n = 0

        for name, p in s.get('properties', {}).items():
            if name in v and ('const' in p or 'enum' in p):
                n += 2 if self.kind(p, v[name], ()) is None else -2

        return n

    def members(self, s, v, path):
        names = s.get('properties', {})

        for name in s.get('required', ()):
            if name not in v:
                return path, 'no %s' % name

        more = s.get('additionalProperties', True)

        for name, value in v.items():
            if name in names:
                found = self.check(names[name], value, path + (name,))
            elif more is False:
                return path, 'an unknown member %s' % name
            elif isinstance(more, dict):
                found = self.check(more, value, path + (name,))
            else:
                found = None

            if found:
                return found

        return None

    def elements(self, s, v, path):
        if 'items' in s:
            for i, value in enumerate(v):
                found = self.check(s['items'], value, path + (i,))

                if found:
                    return found

        return None

    def bounds(self, s, v, path):
        if isinstance(v, str):
            size, least, most = len(v), 'minLength', 'maxLength'
        elif isinstance(v, list):
            size, least, most = len(v), 'minItems', 'maxItems'
        elif isinstance(v, dict):
            size, least, most = len(v), 'minProperties', 'maxProperties'
        elif isinstance(v, (int, float)) and not isinstance(v, bool):
            size, least, most = v, 'minimum', 'maximum'
        else:
            return None

        if size < s.get(least, size) or size > s.get(most, size):
            return path, '%s is out of %s..%s' % (size, s.get(least, ''),
                                                  s.get(most, ''))

        if isinstance(v, str) and 'pattern' in s \
                and not re.search(s['pattern'], v):
            return path, '%.80r does not match %s' % (v, s['pattern'])

        return None


def load():
    with gzip.open(PACK) as f:
        return {name: Schema(s) for name, s in json.load(f).items()}


SCHEMAS = load()


def wrong(name, value):
    found = SCHEMAS[name].wrong(value)

    return found and '%s: %s' % (name, found)
