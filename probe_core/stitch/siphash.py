"""SipHash-2-4, the keyed digest that the recorder takes of environment values."""

from __future__ import annotations

import struct

_MASK = 0xFFFFFFFFFFFFFFFF


def _rounds(v0: int, v1: int, v2: int, v3: int, count: int) -> tuple[int, int, int, int]:
    for _ in range(count):
        v0 = (v0 + v1) & _MASK
        v1 = ((v1 << 13 | v1 >> 51) & _MASK) ^ v0
        v0 = (v0 << 32 | v0 >> 32) & _MASK
        v2 = (v2 + v3) & _MASK
        v3 = ((v3 << 16 | v3 >> 48) & _MASK) ^ v2
        v0 = (v0 + v3) & _MASK
        v3 = ((v3 << 21 | v3 >> 43) & _MASK) ^ v0
        v2 = (v2 + v1) & _MASK
        v1 = ((v1 << 17 | v1 >> 47) & _MASK) ^ v2
        v2 = (v2 << 32 | v2 >> 32) & _MASK
    return v0, v1, v2, v3


def siphash(key: bytes, text: bytes) -> int:
    """The 64-bit digest of ``text`` under the 16-byte ``key``."""
    low, high = struct.unpack("<QQ", key)
    state = (
        low ^ 0x736F6D6570736575,
        high ^ 0x646F72616E646F6D,
        low ^ 0x6C7967656E657261,
        high ^ 0x7465646279746573,
    )
    whole = len(text) // 8 * 8
    last = int.from_bytes(text[whole:], "little") | (len(text) & 0xFF) << 56
    for word in (*struct.unpack(f"<{whole // 8}Q", text[:whole]), last):
        v0, v1, v2, v3 = _rounds(state[0], state[1], state[2], state[3] ^ word, 2)
        state = (v0 ^ word, v1, v2, v3)
    v0, v1, v2, v3 = _rounds(state[0], state[1], state[2] ^ 0xFF, state[3], 4)
    return v0 ^ v1 ^ v2 ^ v3
