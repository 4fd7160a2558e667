"""All words a step may use, by name: the basic ones, which the compiler knows, and those it takes the bodies of."""

from __future__ import annotations

from inspect import isfunction

from tradepool.core.compiler import math_words, vocabulary

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
BASIC = {name: word for name, word in vars(vocabulary).items() if isfunction(word) and name not in COMPOSED}
WORDS = {**BASIC, **COMPOSED}
