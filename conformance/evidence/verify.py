#!/usr/bin/env python3
"""Verify the evidence of a Tongma gateway, with its public key and nothing else.

    verify.py --key PUBLIC.pem [--key ...] [--after EARLIER.export] FILE.export ...
    verify.py --key PUBLIC.pem --proof PROOF.json [--answer ANSWER.json]
    verify.py --key PUBLIC.pem --growth GROWTH.json

ANSWER.json is the text of "data" in the answer, byte by byte as it was received. What is wrong is printed, a line each, with its place.
The exit status is 0 if all holds, 1 if something does not, 2 if that could not be found out.

This program was written from the manual of package standard/proof (go doc tongma/standard/proof) and shares no code with what writes
the evidence. It needs Python 3.8 or later and no other library; SM3 is its own where hashlib has none.
"""

import argparse
import base64
import binascii
import functools
import hashlib
import json
import re
import struct
import sys

FORMAT = "tongma/1 evidence export"
MAX_ENTRIES, MAX_ENTRY, MAX_TEXT, MAX_LINE = 4096, 2048, 256, 12 << 20
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Wrong(Exception):
    """Something is not as the manual says."""


# SM3, GB/T 32905-2016.

def rotate(x, n):
    n %= 32
    return (x << n | x >> 32 - n) & 0xFFFFFFFF


def own_sm3(data):
    v = [0x7380166F, 0x4914B2B9, 0x172442D7, 0xDA8A0600, 0xA96F30BC, 0x163138AA, 0xE38DEE4D, 0xB0FB0E4E]
    padded = data + b"\x80" + bytes(-(len(data) + 9) % 64) + struct.pack(">Q", 8 * len(data))
    for at in range(0, len(padded), 64):
        w = list(struct.unpack(">16I", padded[at:at + 64]))
        for j in range(16, 68):
            x = w[j - 16] ^ w[j - 9] ^ rotate(w[j - 3], 15)
            w.append(x ^ rotate(x, 15) ^ rotate(x, 23) ^ rotate(w[j - 13], 7) ^ w[j - 6])
        a, b, c, d, e, f, g, h = v
        for j in range(64):
            t = 0x79CC4519 if j < 16 else 0x7A879D8A
            ss1 = rotate(rotate(a, 12) + e + rotate(t, j) & 0xFFFFFFFF, 7)
            ss2 = ss1 ^ rotate(a, 12)
            ff = a ^ b ^ c if j < 16 else a & b | a & c | b & c
            gg = e ^ f ^ g if j < 16 else e & f | ~e & g
            tt1 = ff + d + ss2 + (w[j] ^ w[j + 4]) & 0xFFFFFFFF
            tt2 = gg + h + ss1 + w[j] & 0xFFFFFFFF
            a, b, c, d = tt1, a, rotate(b, 9), c
            e, f, g, h = tt2 ^ rotate(tt2, 9) ^ rotate(tt2, 17), e, rotate(f, 19), g
        v = [x ^ y for x, y in zip(v, (a, b, c, d, e, f, g, h))]
    return struct.pack(">8I", *v)


def library_sm3(data):
    return hashlib.new("sm3", data).digest()


def choose_sm3():
    try:
        library_sm3(b"")
    except ValueError:
        return own_sm3
    return library_sm3


sm3 = choose_sm3()


# SM2, GB/T 32918.2-2016, on the curve of GB/T 32918.5-2017.

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
     0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0)
USER = b"1234567812345678"
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d03420004")


def double(point):
    """Doubles a point in Jacobian coordinates; z = 0 is infinity."""
    x, y, z = point
    yy = y * y % P
    s = 4 * x * yy % P
    zz = z * z % P
    m = 3 * (x - zz) * (x + zz) % P
    x3 = (m * m - 2 * s) % P
    return x3, (m * (s - x3) - 8 * yy * yy) % P, 2 * y * z % P


def add(one, other):
    if one[2] == 0:
        return other
    if other[2] == 0:
        return one
    x1, y1, z1 = one
    x2, y2, z2 = other
    zz1, zz2 = z1 * z1 % P, z2 * z2 % P
    u1, u2 = x1 * zz2 % P, x2 * zz1 % P
    s1, s2 = y1 * z2 * zz2 % P, y2 * z1 * zz1 % P
    if u1 == u2:
        return double(one) if s1 == s2 else (1, 1, 0)
    h, r = (u2 - u1) % P, (s2 - s1) % P
    hh = h * h % P
    hhh, v = h * hh % P, u1 * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - s1 * hhh) % P, h * z1 * z2 % P


def sum_of_multiples(k, one, l, other):
    """k times one plus l times other, as x, or None at infinity."""
    one, other = one + (1,), other + (1,)
    table = {(1, 0): one, (0, 1): other, (1, 1): add(one, other)}
    result = (1, 1, 0)
    for i in range(255, -1, -1):
        result = double(result)
        bits = (k >> i & 1, l >> i & 1)
        if bits != (0, 0):
            result = add(result, table[bits])
    if result[2] == 0:
        return None
    return result[0] * pow(result[2], P - 3, P) % P


def read_key(pem):
    """A public key in PEM: its id, and the point."""
    match = re.fullmatch(r"-----BEGIN PUBLIC KEY-----\s([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*", pem)
    if not match:
        raise Wrong("the key is not PEM with PUBLIC KEY")
    der = base64.b64decode("".join(match[1].split()), validate=True)
    if len(der) != len(SPKI) + 64 or not der.startswith(SPKI):
        raise Wrong("the key is not an uncompressed SM2 key")
    x, y = int.from_bytes(der[-64:-32], "big"), int.from_bytes(der[-32:], "big")
    if x >= P or y >= P or (y * y - (x * x * x + A * x + B)) % P:
        raise Wrong("the key is not on the curve")
    return sm3(der)[:8].hex(), (x, y)


def read_signature(der):
    """r and s of a signature in strict DER, or None."""
    numbers, rest = [], der[2:]
    if len(der) < 8 or len(der) > 72 or der[0] != 0x30 or der[1] != len(rest):
        return None
    for _ in "rs":
        if len(rest) < 3 or rest[0] != 2 or not 1 <= rest[1] <= len(rest) - 2:
            return None
        number, rest = rest[2:2 + rest[1]], rest[2 + rest[1]:]
        if number[0] & 0x80 or (len(number) > 1 and number[0] == 0 and not number[1] & 0x80):
            return None
        numbers.append(int.from_bytes(number, "big"))
    if rest or not all(1 <= n < N for n in numbers):
        return None
    return numbers


@functools.lru_cache(maxsize=1024)
def signed_by(key, text, signature):
    """Whether the signature is that of the key, over the text."""
    numbers = read_signature(signature)
    if not numbers:
        return False
    r, s = numbers
    fields = b"".join(n.to_bytes(32, "big") for n in (A, B) + G + key)
    e = int.from_bytes(sm3(sm3(struct.pack(">H", 8 * len(USER)) + USER + fields) + text), "big")
    t = (r + s) % N
    if t == 0:
        return False
    x = sum_of_multiples(s, G, t, key)
    return x is not None and (e + x) % N == r


# Encodings.

class Bytes:
    """What is left to read of an encoding."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        part = self.data[self.at:self.at + count]
        if len(part) < count:
            raise Wrong("it ends too early")
        self.at += count
        return part

    def unsigned(self, count):
        return int.from_bytes(self.take(count), "big")

    def varint(self):
        value = 0
        for shift in range(0, 35, 7):
            byte = self.unsigned(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if (byte == 0 and shift > 0) or value >> 32:
                    break
                return value
        raise Wrong("a number is not as it should be written")

    def text(self):
        count = self.varint()
        if count > MAX_TEXT:
            raise Wrong("a text is too long")
        data = self.take(count)
        if any(byte < 0x20 or byte == 0x7F for byte in data):
            raise Wrong("a text has a control character")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise Wrong("a text is not UTF-8") from None

    def word(self, name, words):
        number = self.unsigned(1)
        if number >= len(words):
            raise Wrong(f"{name} has an unknown number")
        return words[number]

    def pseudonym(self):
        count = self.varint()
        if count not in (0, 16):
            raise Wrong("a pseudonym has neither 0 nor 16 bytes")
        data = self.take(count)
        if count and not any(data):
            raise Wrong("a pseudonym is all zero")
        return data.hex()

    def name(self):
        name = self.take(self.unsigned(1)).decode("latin-1")
        if not NAME.fullmatch(name):
            raise Wrong("a name has characters that it must not have")
        return name

    def end(self):
        if self.at != len(self.data):
            raise Wrong("there are bytes behind its end")


KINDS = (None, "verification", "search", "subject request")
OUTCOMES = ("", "verified", "expired", "not_found", "unrecognised", "refused", "unavailable")
REASONS = ("", "unclaimed", "not_issued", "scan_expired", "no_such_holder", "declined", "backend_unreachable", "backend_timeout",
           "backend_fault", "backend_busy", "backend_quota", "breaker_open", "suspended", "overloaded", "out_of_patience",
           "not_configured")
STATUSES = ("", "00", "01", "10")
ACTIONS = ("", "pass", "manual", "deny")
ORIGINS = ("", "live", "cache", "stale")
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(data):
    number = int.from_bytes(data, "big")
    return "".join(DIGITS[number >> shift & 31] for shift in range(125, -1, -5))


def read_entry(data):
    b = Bytes(data)
    entry = {
        "kind": b.word("kind", KINDS), "id": ulid(b.take(16)), "at": b.unsigned(6), "roles": b.unsigned(1),
        "outcome": b.word("outcome", OUTCOMES), "reason": b.word("reason", REASONS), "status": b.word("status", STATUSES),
        "action": b.word("action", ACTIONS), "from": b.word("from", ORIGINS), "region": b.unsigned(3), "observedAt": b.unsigned(6),
        "answer": b.take(32).hex(), "found": b.varint(), "holder": b.pseudonym(), "subject": b.pseudonym(),
    }
    for name in ("party", "purpose", "site", "case", "system", "rule"):
        entry[name] = b.text()
    b.end()
    if not entry["kind"]:
        raise Wrong("kind has an unknown number")
    if not entry["at"]:
        raise Wrong("at is missing")
    if entry["roles"] > 0x7F:
        raise Wrong("roles has an unknown one")
    if entry["region"] > 999999:
        raise Wrong("region has more than six digits")
    entry["region"] = f"{entry['region']:06d}" if entry["region"] else ""
    return entry


def read_head(data):
    b = Bytes(data)
    if b.unsigned(1) != 1:
        raise Wrong("the head is not of version 1")
    head = {"group": b.unsigned(8), "first": b.unsigned(8), "count": b.unsigned(4), "at": b.unsigned(6), "root": b.take(32),
            "prev": b.take(32), "history": b.take(32), "log": b.name(), "key": b.name()}
    b.end()
    group, first = head["group"], head["first"]
    if not 1 <= head["count"] <= MAX_ENTRIES or not head["at"]:
        raise Wrong("the head has no entries, too many, or no time")
    if group >= 1 << 48 or first >= 1 << 60 or not group <= first <= group * MAX_ENTRIES:
        raise Wrong("the head has impossible numbers")
    if group == 0 and (any(head["prev"]) or head["history"] != sm3(b"")):
        raise Wrong("the first head follows another")
    return head


def read_signed(keys, data, signature):
    head = read_head(data)
    if head["key"] not in keys:
        raise Wrong(f"it is signed by the key {head['key']}, which was not given")
    if not signed_by(keys[head["key"]], b"tongma/1 evidence\n" + data, signature):
        raise Wrong(f"the signature is not that of the key {head['key']}")
    return head


def split(framed):
    b, entries = Bytes(framed), []
    while b.at < len(framed):
        count = b.varint()
        if count > MAX_ENTRY or len(entries) == MAX_ENTRIES:
            raise Wrong("an entry is too long, or there are too many")
        entries.append(b.take(count))
    return entries


def members(text, required, optional=()):
    """The members of a JSON object, which must be these."""
    def once(pairs):
        if len(dict(pairs)) != len(pairs):
            raise Wrong("a member is there twice")
        return dict(pairs)
    try:
        found = json.loads(str(text, "utf-8"), object_pairs_hook=once)  # of bytes it would guess the encoding
    except (ValueError, RecursionError):
        raise Wrong("it is not JSON") from None
    if not isinstance(found, dict) or set(required) - set(found) or set(found) - set(required) - set(optional):
        raise Wrong("it has not the members that it should have")
    return found


def from_base64(text, size=None):
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (AttributeError, UnicodeEncodeError, binascii.Error):
        raise Wrong("a member is not base64") from None
    if base64.b64encode(data).decode() != text or size not in (None, len(data)):
        raise Wrong("a member is not base64 in its one form, or has another size")
    return data


def hashes(list_of_text):
    if not isinstance(list_of_text, list) or len(list_of_text) > 128:
        raise Wrong("a member is not a list of hashes")
    return [from_base64(text, 32) for text in list_of_text]


def number(value):
    if type(value) is not int or value < 0:
        raise Wrong("a member is not a number from 0")
    return value


# Trees, RFC 9162, cl. 2.1, with SM3.

def leaf(data):
    return sm3(b"\x00" + data)


def node(left, right):
    return sm3(b"\x01" + left + right)


def root(leaves):
    if not leaves:
        return sm3(b"")
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return node(root(leaves[:half]), root(leaves[half:]))


def included(hash_, index, size, path, want):
    """Cl. 2.1.3.2."""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, hash_
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == want


def consistent(first, second, path, first_hash, second_hash):
    """Cl. 2.1.4.2, of first < second."""
    if first == 0:
        return not path
    if first & first - 1 == 0:
        path = [first_hash] + path
    if not path:
        return False
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == first_hash and sr == second_hash and sn == 0


class Heads:
    """The tree of all heads so far, as the roots of its perfect subtrees, the largest first."""

    def __init__(self, size, roots):
        if len(roots) != bin(size).count("1"):
            raise Wrong("the frontier has not one hash for each bit of from")
        self.size, self.roots = size, roots

    def root(self):
        if not self.roots:
            return sm3(b"")
        result = self.roots[-1]
        for one in reversed(self.roots[:-1]):
            result = node(one, result)
        return result

    def add(self, head):
        new, size = leaf(head), self.size
        while size & 1:
            new, size = node(self.roots.pop(), new), size >> 1
        self.roots.append(new)
        self.size += 1


# The three things that can be verified.

class Export:
    """Reads an export line by line; what is wrong is in faults, with its place. At the end, last is the last head as it was encoded."""

    def __init__(self, keys, lines, after=None):
        self.keys, self.faults, self.line = keys, [], 1
        self.entries, self.leaves, self.last = 0, 0, after
        try:
            self.begin(self.read(lines, 1 << 16), after)
        except Wrong as wrong:
            self.faults.append(f"line 1: {wrong}")
            return
        while True:
            self.line += 1
            try:
                text = self.read(lines, MAX_LINE)
                if not text:
                    break
                self.group(text)
            except Wrong as wrong:
                self.fault(self.next, wrong)
        if self.next != self.to:
            self.fault(self.next, f"the export ends where it should go on to group {self.to - 1}")

    def fault(self, group, wrong):
        self.faults.append(f"line {self.line}, group {group}: {wrong}")

    @staticmethod
    def read(lines, limit):
        text = lines.readline(limit + 1)
        if text and not text.endswith(b"\n"):
            raise Wrong("the line is too long, or was cut off")
        return text

    def begin(self, text, after):
        header = members(text, ("format", "log", "from", "to"), ("frontier",))
        if header["format"] != FORMAT or not isinstance(header["log"], str) or not NAME.fullmatch(header["log"]):
            raise Wrong(f"it is no {FORMAT}, or of no log")
        self.log, self.next, self.to = header["log"], number(header["from"]), number(header["to"])
        if not self.next <= self.to <= 1 << 48:
            raise Wrong("it has no possible range of groups")
        self.heads = Heads(self.next, hashes(header.get("frontier", [])))
        self.first, self.prev = (0, bytes(32)) if self.next == 0 else (None, None)
        if after is not None:
            before = read_head(after)
            if before["log"] != self.log or before["group"] + 1 != self.next:
                raise Wrong(f"it does not begin directly after group {before['group']} of log {before['log']}")
            self.first, self.prev = before["first"] + before["count"], sm3(after)

    def group(self, text):
        line = members(text, ("head", "sign"), ("entries", "leaves"))
        encoded = from_base64(line["head"])
        head = read_signed(self.keys, encoded, from_base64(line["sign"]))
        wrong = self.chain(head) + self.content(head, line)
        if head["log"] == self.log and head["group"] >= self.next:
            self.follow(head, encoded, wrong)
        if wrong:
            for one in wrong:
                self.fault(head["group"], one)

    def chain(self, head):
        """What the head does not say of those before it as it should."""
        if head["log"] != self.log or head["group"] != self.next or head["group"] >= self.to:
            return [f"group {head['group']} of log {head['log']} stands where group {self.next} of log {self.log} should"]
        wrong = []
        if self.prev not in (None, head["prev"]):
            wrong.append("it does not follow the head before it")
        if self.first not in (None, head["first"]):
            wrong.append("its first entry has another number than it should")
        if self.heads and self.heads.root() != head["history"]:
            wrong.append("its history is not that of the heads before it")
        return wrong

    def follow(self, head, encoded, wrong):
        if self.heads and head["group"] == self.next and not wrong:
            self.heads.add(encoded)
        else:
            self.heads = None  # from here on histories cannot be known
        self.next, self.first, self.prev = head["group"] + 1, head["first"] + head["count"], sm3(encoded)
        self.last = encoded

    def content(self, head, line):
        try:
            if ("entries" in line) == ("leaves" in line):
                raise Wrong("it must have entries or leaves, and not both")
            if "leaves" in line:
                data = from_base64(line["leaves"], 32 * head["count"])
                leaves = [data[at:at + 32] for at in range(0, len(data), 32)]
                self.leaves += len(leaves)
            else:
                entries = split(from_base64(line["entries"]))
                leaves = [leaf(entry) for entry in entries]
                for entry in entries:
                    read_entry(entry)
                self.entries += len(entries)
            if len(leaves) != head["count"] or root(leaves) != head["root"]:
                raise Wrong("its entries are not those that were signed")
        except Wrong as wrong:
            return [wrong]
        return []


def verify_proof(keys, text, answer):
    proof = members(text, ("entry", "number", "path", "head", "sign", "key"))
    head = read_signed(keys, from_base64(proof["head"]), from_base64(proof["sign"]))
    entry = from_base64(proof["entry"])
    if proof["key"] != head["key"]:
        raise Wrong("key is not that of the head")
    if not included(leaf(entry), number(proof["number"]), head["count"], hashes(proof["path"]), head["root"]):
        raise Wrong("the entry is not in the group")
    found = read_entry(entry)
    if answer is not None and sm3(answer).hex() != found["answer"]:
        raise Wrong("this is not what was answered")
    return {"log": head["log"], "group": head["group"], "number": head["first"] + proof["number"], **found}


def verify_growth(keys, text):
    growth = members(text, ("earlier", "later", "included", "consistent"))
    heads, encoded = [], []
    for name in ("earlier", "later"):
        signed = growth[name]
        if not isinstance(signed, dict) or set(signed) != {"head", "sign"}:
            raise Wrong(f"{name} must have head and sign")
        encoded.append(from_base64(signed["head"]))
        heads.append(read_signed(keys, encoded[-1], from_base64(signed["sign"])))
    earlier, later = heads
    if earlier["log"] != later["log"] or earlier["group"] >= later["group"]:
        raise Wrong("the heads are not an earlier and a later one of one log")
    m, n = earlier["group"], later["group"]
    if not included(leaf(encoded[0]), m, n, hashes(growth["included"]), later["history"]):
        raise Wrong("the earlier head is not in the later one's history")
    if not consistent(m, n, hashes(growth["consistent"]), earlier["history"], later["history"]):
        raise Wrong("the later history does not go on from the earlier one")
    return {"log": later["log"], "earlier": m, "later": n}


def read_file(name):
    with open(name, "rb") as file:
        return file.read(MAX_LINE)


def verify_exports(keys, names, after):
    last = None
    if after:
        with open(after, "rb") as file:
            export = Export(keys, file)
        if export.faults or export.last is None:
            raise Wrong(f"{after} does not hold itself: {export.faults}")
        last = export.last
    good = True
    for name in names:
        with open(name, "rb") as file:
            export = Export(keys, file, last)
        for fault in export.faults:
            print(f"{name}: {fault}")
        if not export.faults:
            print(f"{name}: holds: log {export.log}, groups before {export.next}, {export.entries} entries and {export.leaves} leaves of others")
        good = good and not export.faults
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key", action="append", required=True, metavar="PUBLIC.pem")
    parser.add_argument("--after", metavar="EARLIER.export")
    parser.add_argument("--proof", metavar="PROOF.json")
    parser.add_argument("--answer", metavar="ANSWER.json")
    parser.add_argument("--growth", metavar="GROWTH.json")
    parser.add_argument("exports", nargs="*", metavar="FILE.export")
    given = parser.parse_args()
    if not given.exports and not given.proof and not given.growth:
        parser.error("give something to verify")
    try:
        keys = dict(read_key(read_file(name).decode("ascii")) for name in given.key)
    except (OSError, ValueError, Wrong) as error:
        parser.error(f"the key cannot be read: {error}")
    try:
        good = verify_exports(keys, given.exports, given.after)
        if given.proof:
            print(json.dumps(verify_proof(keys, read_file(given.proof), given.answer and read_file(given.answer)), ensure_ascii=False))
        if given.growth:
            print(json.dumps(verify_growth(keys, read_file(given.growth))))
    except Wrong as wrong:
        print(wrong)
        good = False
    except OSError as error:
        parser.error(str(error))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
