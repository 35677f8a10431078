# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Run `dav2-train annotate propose | page | export`: a DA-2K of your own pictures.

dav2-train annotate propose pictures/ --model v2-small --model vitt-procedural
dav2-train annotate page pictures/pairs.json
dav2-train annotate export pictures/pairs.json --votes 2
dav2-train evaluate v2-small --data da2k --root pictures/
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import numpy as np
import typer

from dav2_ros.evaluation.da2k import to_json
from dav2_ros.files.atomic import write_whole
from dav2_training.annotation.propose import propose_for_folder
from dav2_training.annotation.votes import Ballot, DisputedPair
from dav2_training.data.sample import DataError

annotate_app = typer.Typer(help='Make pairs of points as in DA-2K, where models disagree.', no_args_is_help=True)
BallotFile = Annotated[Path, typer.Argument(help='What `propose` wrote.')]


@annotate_app.command('propose')
def propose_pairs(
    root: Annotated[Path, typer.Argument(help='Folder of pictures.')],
    model: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help='Name or file; more than once. One alone is compared with itself on the mirrored picture.'),
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, help='Most of each picture.')] = 2,
    least: Annotated[float, typer.Option(help='Disagreement, in ranks 0 to 1, from which a pair is proposed.')] = 0.02,
    seed: Annotated[int, typer.Option(help='Of the choice of points.')] = 0,
    to: Annotated[Optional[Path], typer.Option(help='File to write [default: ROOT/pairs.json].')] = None,  # noqa: UP045
    device: Annotated[str, typer.Option(help='auto, cpu, cuda ...')] = 'auto',
) -> None:
    """Find pairs of points that models order differently."""
    to = to or root / 'pairs.json'
    if to.exists():
        raise DataError(f'{to} is there, and may hold answers: name another file with --to, or remove it.')
    names = model or ['vitt-procedural']
    proposals = list(propose_for_folder(root, names, pairs, least, seed, device))
    if not proposals:
        raise DataError(f'{", ".join(names)} agree on all pictures in {root}: name other models, or lower --least.')
    order = np.random.default_rng(seed).permutation(len(proposals))  # who stops early has seen a bit of everything
    shuffled = [proposals[i] for i in order]
    numbered = [DisputedPair(k, name, p.points, p.disagreement) for k, (name, p) in enumerate(shuffled)]
    Ballot(to, root, numbered, {'models': names, 'pairs': pairs, 'least': least, 'seed': seed}).save()
    typer.echo(f'{to}: {len(proposals)} pairs in {len({name for name, _ in proposals})} pictures.')


@annotate_app.command('page')
def serve(
    ballot: BallotFile,
    port: Annotated[int, typer.Option(help='Of the page.')] = 7861,
    host: Annotated[str, typer.Option(help='Who may come: 127.0.0.1 is this machine, 0.0.0.0 the network.')] = (
        '127.0.0.1'
    ),
) -> None:
    """Serve the page where people click on the closer point; every answer is on disk at once."""
    from dav2_training.annotation.page import build_page

    build_page(Ballot.open(ballot)).launch(server_name=host, server_port=port, share=False, quiet=False)


@annotate_app.command('export')
def export(
    ballot: BallotFile,
    votes: Annotated[int, typer.Option(min=1, help='People that must have answered a pair, all alike.')] = 1,
    to: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help='File to write [default: annotations.json in the folder of the pictures].'),
    ] = None,
) -> None:
    """Write what people agree upon as annotations.json, as DA-2K has it."""
    opened = Ballot.open(ballot)
    pictures = opened.export(votes)
    if not pictures:
        raise DataError(f'{ballot} has no pair with {votes} equal answers: let people vote, or lower --votes.')
    to = to or opened.root / 'annotations.json'
    write_whole(to, to_json(pictures))
    typer.echo(f'{to}: {sum(len(p.pairs) for p in pictures)} of {len(opened)} pairs, {len(pictures)} pictures.')
