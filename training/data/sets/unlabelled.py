# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Read seven of the eight sets whose 62 million pictures the method labels itself (Yang et al. 2024, table 7).

They are read unpacked; sets that come as tar files can also be read as they are, by the set `shards`. The eighth, LSUN,
is in lsun.py. Which of their pictures were taken was never published, only how many of each.
"""

from __future__ import annotations

import re
from typing import ClassVar

from dav2_training.data.registry import SetInfo
from dav2_training.data.sets.folder import ImageFolder


def _info(title: str, tree: str, licence: str, source: str, splits: tuple[str, ...] = ('all',)) -> SetInfo:
    return SetInfo(title, tree, splits, 'none', licence, source)


class Bdd100k(ImageFolder):
    """100,000 pictures; 8.2 million are about two a second of its 100,000 films of 40 s."""

    INFO = _info(
        'BDD100K',
        '├── images/100k/{train,val,test}/0000f77c-6257be58.jpg  (split pictures)\n'
        '└── frames/{train,val,test}/<film>/000001.jpg  (split frames: ffmpeg -i <film>.mov -r 2 .../%06d.jpg)',
        'for research; see the site',
        'http://bdd-data.berkeley.edu',
        ('frames', 'pictures'),
    )
    NAMED: ClassVar = {
        'frames': re.compile(r'^frames/(train|val|test)/[^/]+/[^/]+\.jpg$'),
        'pictures': re.compile(r'^images/100k/(train|val|test)/[^/]+\.jpg$'),
    }


class GoogleLandmarks(ImageFolder):
    """4.1 million: the train part of version 2."""

    INFO = _info(
        'Google Landmarks v2',
        '└── train/0/0/0/000042b4b7d2d0b7.jpg  (three folders: the first three letters)',
        'CC BY 4.0 (annotations); pictures have their own',
        'https://github.com/cvdfoundation/google-landmark: images_000.tar to images_499.tar',
    )
    NAMED: ClassVar = {'all': re.compile(r'^train/[0-9a-f]/[0-9a-f]/[0-9a-f]/[0-9a-f]+\.jpg$')}


class ImageNet21k(ImageFolder):
    """13.1 million: the release of winter 2021."""

    INFO = _info(
        'ImageNet-21K',
        '└── n00004475/n00004475_15899.JPEG  (a folder for each of 19,167 synsets)',
        'for non-commercial research; see the site',
        'https://image-net.org: winter21_whole.tar.gz',
    )
    NAMED: ClassVar = {'all': re.compile(r'(^|/)n\d{8}/n\d{8}_\d+\.JPEG$')}


class Objects365(ImageFolder):
    """1.7 million: version 2, train."""

    INFO = _info(
        'Objects365',
        '└── train/patch0/objects365_v1_00000001.jpg',
        'CC BY 4.0 (annotations); pictures have their own',
        'https://www.objects365.org: patch0.tar.gz to patch50.tar.gz',
    )
    NAMED: ClassVar = {'all': re.compile(r'(^|/)objects365_v[12]_\d+\.jpg$')}


class OpenImages(ImageFolder):
    """Open Images V7: 9 million of train are published, 7.8 million were taken."""

    INFO = _info(
        'Open Images V7',
        '└── {train,validation,test}/000002b66c9c498e.jpg',
        'CC BY 2.0 (pictures), CC BY 4.0 (annotations)',
        'https://storage.googleapis.com/openimages/web/index.html: train_0.tar.gz to train_f.tar.gz',
    )
    NAMED: ClassVar = {'all': re.compile(r'^(train|validation|test)(_[0-9a-f])?/[0-9a-f]{16}\.jpg$')}


class Places365(ImageFolder):
    """6.5 million of Places365-Challenge's 8 million, large or 256x256; standard has 1.8 million."""

    INFO = _info(
        'Places365',
        '└── {data_large,data_256,...}/a/airfield/00000001.jpg',
        'for non-commercial research and education; see the site',
        'http://places2.csail.mit.edu: train_large_places365challenge.tar',
    )
    NAMED: ClassVar = {'all': re.compile(r'^data_\w+/[a-z]/.+/\d{8}\.jpg$')}


class Sa1b(ImageFolder):
    """11.1 million, their short side 1,500 pixels."""

    INFO = _info(
        'SA-1B',
        '└── sa_000020/sa_223750.jpg  (any folders; 1,000 archives of 11,000 pictures)',
        'SA-1B Dataset Research License',
        'https://ai.meta.com/datasets/segment-anything: sa_000000.tar to sa_000999.tar',
    )
    NAMED: ClassVar = {'all': re.compile(r'(^|/)sa_\d+\.jpg$')}
