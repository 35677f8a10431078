# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Turn errors into sentences: those of this package say all there is to say, others need their type."""

from __future__ import annotations


def is_ours(error: BaseException) -> bool:
    """Tell whether an error is of a class of this package, whose message is one sentence with the remedy."""
    return type(error).__module__.startswith('dav2_ros')


def message_of(error: BaseException) -> str:
    """Return the message of an error on one line."""
    return ' '.join(str(error).split())


def sentence(error: BaseException) -> str:
    """Return the message of an error of ours, or of a ValueError, which borders raise; else its type and message."""
    message = message_of(error)
    has_said_it = message and (is_ours(error) or isinstance(error, ValueError))
    return message if has_said_it else f'{type(error).__name__}: {message}'
