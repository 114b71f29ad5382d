"""Verifies a ledger's chain, and roots and proofs over its lines, with hashlib alone.

usage: verify.py LEDGER PROOFS
A line of PROOFS: size, root, index, [inclusion proof], old size, old root, [consistency proof]; hashes in hexadecimal.
Written from RFC 6962 section 2.1 and RFC 9162 sections 2.1.3.2 and 2.1.4.2, not from the program that it checks.
"""
import hashlib
import sys


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def check_chain(lines):
    prev, prefix, begun = "0" * 64, hashlib.sha256(), False
    for number, line in enumerate(lines, 1):
        body, mark, tail = line.rpartition(b', "h": "')
        if mark and tail == hashlib.sha256(prev.encode() + body).hexdigest().encode() + b'"}':
            prev, begun = tail[:64].decode(), True
        elif begun or mark:
            sys.exit(f"line {number} was altered")
        else:
            prefix.update(line + b"\n")
            prev = prefix.hexdigest()


whole = {}


def root(lines, start, end):
    """MTH(D[start:end]); whole subtrees are remembered."""
    count = end - start
    if (start, end) in whole:
        return whole[start, end]
    if count == 0:
        return sha()
    if count == 1:
        result = sha(b"\0", lines[start])
    else:
        k = 1 << (count - 1).bit_length() - 1
        result = sha(b"\1", root(lines, start, start + k), root(lines, start + k, end))
    if count & (count - 1) == 0:
        whole[start, end] = result
    return result


def included(leaf, index, size, proof, want):
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = sha(b"\1", p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha(b"\1", r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == want


def consistent(first, first_root, second, second_root, proof):
    if first == second:
        return not proof and first_root == second_root
    if not proof:
        return False
    if first & (first - 1) == 0:
        proof = [first_root] + proof
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = sha(b"\1", c, fr), sha(b"\1", c, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = sha(b"\1", sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == first_root and sr == second_root and sn == 0


def hashes(word):
    return [bytes.fromhex(text) for text in word[1:-1].split(",") if text]


with open(sys.argv[1], "rb") as file:
    lines = file.read().split(b"\n")[:-1]
check_chain(lines)
count = 0
with open(sys.argv[2]) as file:
    for count, record in enumerate(file, 1):
        size, top, index, inclusion, old, old_top, consistency = record.split()
        size, index, old = int(size), int(index), int(old)
        top, old_top = bytes.fromhex(top), bytes.fromhex(old_top)
        if root(lines, 0, size) != top or root(lines, 0, old) != old_top:
            sys.exit(f"record {count}: another root")
        if not included(sha(b"\0", lines[index]), index, size, hashes(inclusion), top):
            sys.exit(f"record {count}: no proof of inclusion")
        if not consistent(old, old_top, size, top, hashes(consistency)):
            sys.exit(f"record {count}: no proof of consistency")
print(f"{len(lines)} lines chain, {count} roots, inclusions and consistencies verify")
