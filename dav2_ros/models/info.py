# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a set of weights is: the facts that its tensors cannot tell.

Relative and metric, V1 and V2 weights have the same tensor names and shapes; run as the wrong one they give plausible,
wrong depth. So these facts come from the registry or from a file's own metadata, and are never guessed.
"""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from dav2_ros.network.presets import PRESETS

METADATA_KEY = 'dav2_ros'  # the only key in our files' metadata: one key keeps the bytes of a file reproducible
METADATA_VERSION = 1
KINDS = ('relative', 'metric')
GENERATIONS = ('v1', 'v2')
MAX_HEADER_BYTES = 100_000_000  # of a safetensors file, as its own reader has it
SATURATED = 0.95  # share of a metric model's range from which its sigmoid only says "far"


class ModelError(ValueError):
    """Weights that are missing, damaged, unknown, or not what they were said to be; one sentence with the remedy."""


def is_name(text: object) -> bool:
    """Return whether something can be a model's name: files and folders are called by it, wherever it came from."""
    return isinstance(text, str) and bool(re.fullmatch(r'[A-Za-z0-9._-]+', text)) and text not in ('.', '..')


def is_file_name(text: object) -> bool:
    """Return whether something names a file in a folder, not a way out of it; '' is none."""
    return isinstance(text, str) and text not in ('.', '..') and not re.search(r'[/\\\x00-\x1f]', text)


@dataclass(frozen=True)
class ModelInfo:
    """What the tensors of a model do not say. Raises ModelError for values that contradict each other."""

    name: str
    preset: str  # of dav2_ros.network.presets
    kind: str  # 'relative' (inverse depth, unknown scale and shift) or 'metric' (Z depth in metres)
    generation: str = 'v2'
    max_depth_m: float | None = None  # metric: what the sigmoid is multiplied by
    train_size: int = 518  # short side of the network input in training, px
    f_train_px: float | None = None  # focal length of the training images at train_size
    canonical: bool = False  # trained in canonical-camera space: z = z_net * f_net / f_train is exact
    license: str = 'unknown'
    file: str = ''
    repo: str = ''
    sha256: str = ''  # '' is "not pinned"

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise ModelError(
                f'{self.name!r} cannot be the name of a model: use letters, digits, dots, dashes and underscores only.'
            )
        if not is_file_name(self.file):
            raise ModelError(f'Model {self.name!r} has file {self.file!r}: state the name of a file, not a path.')
        for value, known, what in (
            (self.preset, tuple(PRESETS), 'preset'),
            (self.kind, KINDS, 'kind'),
            (self.generation, GENERATIONS, 'generation'),
        ):
            if value not in known:
                raise ModelError(f'Model {self.name!r} has {what} {value!r}: state one of {", ".join(known)}.')
        if self.kind == 'metric' and not _positive(self.max_depth_m):
            raise ModelError(
                f'Metric model {self.name!r} has max_depth_m {self.max_depth_m}: state the metres that its training '
                'multiplied the sigmoid by (20 for the official indoor weights, 80 outdoor).'
            )
        if self.kind == 'relative' and self.max_depth_m is not None:
            raise ModelError(
                f'Relative model {self.name!r} has no max_depth_m, yet {self.max_depth_m} is stated: '
                'leave it out, or use a metric model.'
            )
        if self.train_size < 14 or self.train_size % 14:
            raise ModelError(
                f'Model {self.name!r} has train_size {self.train_size} px: state a positive multiple of 14.'
            )
        if self.f_train_px is not None and not _positive(self.f_train_px):
            raise ModelError(
                f'Model {self.name!r} has f_train_px {self.f_train_px}: state a positive number of pixels.'
            )
        if self.canonical and self.f_train_px is None:
            raise ModelError(f'Model {self.name!r} is canonical without f_train_px: state the canonical focal length.')

    @property
    def is_non_commercial(self) -> bool:
        """Whether the licence forbids commercial use."""
        return '-NC' in self.license

    @property
    def url(self) -> str:
        """Where a browser finds the file; '' for weights that no repository has."""
        endpoint = os.environ.get('HF_ENDPOINT', 'https://huggingface.co').rstrip('/')
        return f'{endpoint}/{self.repo}/resolve/main/{self.file}' if self.repo else ''

    def to_facts(self) -> dict:
        """Return the facts, and the version of this format, as JSON knows them."""
        return {'version': METADATA_VERSION, **asdict(self)}

    @classmethod
    def from_facts(cls, facts: dict) -> ModelInfo:
        """Read what `to_facts` returned, perhaps with 'notes' added; other unknown entries are refused."""
        facts = {key: value for key, value in facts.items() if key != 'notes'}
        version = facts.pop('version', None)
        if version != METADATA_VERSION:
            raise ModelError(
                f'The metadata has version {version}, not {METADATA_VERSION}: use a dav2_ros that reads it.'
            )
        known = {field.name for field in fields(cls)}
        for key in facts:
            if key not in known:
                raise ModelError(f'The metadata has an entry {key!r} that we do not know: use a newer dav2_ros.')
        try:
            return cls(**facts)
        except (TypeError, OverflowError) as error:
            raise ModelError(f'The metadata does not describe a model ({error}): write the file again.') from error

    @classmethod
    def stated(
        cls,
        path: str | Path,
        *,
        kind: str = '',
        preset: str = '',
        max_depth_m: float = 0.0,
        f_train_px: float = 0.0,
        train_size: int = 518,
        canonical: bool = False,
    ) -> ModelInfo | None:
        """Make the info of a user's own file from parameters, where '' and 0 mean "not stated" (ROS has no null).

        Returns None when nothing is stated; raises ModelError when only a part is.
        """
        if not (kind or preset or max_depth_m or f_train_px):
            return None
        if not (kind and preset):
            raise ModelError(
                f'For {path} only a part is stated (kind {kind!r}, preset {preset!r}): state both kind '
                f'({" or ".join(KINDS)}) and preset ({", ".join(PRESETS)}).'
            )
        return cls(
            re.sub(r'[^A-Za-z0-9._-]+', '-', Path(path).stem).strip('.') or 'model',
            preset,
            kind,
            max_depth_m=max_depth_m or None,
            f_train_px=f_train_px or None,
            train_size=train_size,
            canonical=canonical,
            file=Path(path).name,
        )


def _positive(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value > 0


def read_header(path: Path) -> dict:
    """Read the JSON header of a safetensors file (8 bytes of length, then the JSON). Raises ModelError."""
    try:
        with open(path, 'rb') as file:
            length = int.from_bytes(file.read(8), 'little')
            if length > min(path.stat().st_size, MAX_HEADER_BYTES):
                raise ValueError('its header is cut short, or none')
            return dict(json.loads(file.read(length)))
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(f'{path} is not a whole safetensors file ({error}): copy or fetch it again.') from error


def read_facts(path: Path) -> dict:
    """Read what our own safetensors files carry: the info and, under 'notes', how they were made; {} for others'."""
    try:
        return dict(json.loads(dict(read_header(path).get('__metadata__') or {}).get(METADATA_KEY, '{}')))
    except ModelError:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(f'{path} has unreadable metadata ({error}): copy or fetch it again.') from error


def read_info(path: Path) -> ModelInfo | None:
    """Read the info that our own safetensors files carry; None when there is none. Raises ModelError."""
    facts = read_facts(path)
    return ModelInfo.from_facts(facts) if facts else None
