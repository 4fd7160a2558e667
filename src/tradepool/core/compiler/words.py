"""All words a step may use, by name: the basic ones, which the compiler knows, and those it takes the bodies of."""

from __future__ import annotations

from tradepool.core.compiler import math_words, vocabulary

BASIC = {
    word.__name__: word
    for word in (
        vocabulary.minimum,
        vocabulary.maximum,
        vocabulary.absolute,
        vocabulary.square_root,
        vocabulary.divide,
        vocabulary.where,
        vocabulary.is_nan,
        vocabulary.to_float,
        vocabulary.floor_to_int,
        vocabulary.ceil_to_int,
        vocabulary.floor_div,
        vocabulary.remainder,
        vocabulary.bits_of,
        vocabulary.from_bits,
    )
}

# Written in basic words and helpers of their own, never in each other.
COMPOSED = {
    word.__name__: word
    for word in (
        vocabulary.round_to_int,
        vocabulary.multiply_divide,
        math_words.log,
        math_words.exp,
        math_words.power,
        math_words.tanh,
    )
}

WORDS = {**BASIC, **COMPOSED}
