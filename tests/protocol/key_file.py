"""Key files of tokens and tickets: a line a key, newest first, 8 hex digits of its id, 64 of it."""


def read(path):
    """From key id to key; the first is the one that seals."""
    keys = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                key_id, key = line.split()
                keys[int(key_id, 16)] = bytes.fromhex(key)
    return keys
