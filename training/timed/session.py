# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hold one process's part of a timed training: weights and their average, a step, what is kept and resumed."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dav2_ros.files.atomic import written_beside
from dav2_ros.models.info import ModelInfo
from dav2_training import export
from dav2_training.config import ConfigError, MetricConfig, TimedConfig
from dav2_training.data.procedural.renderer import MetricBatch
from dav2_training.loop import checkpoints
from dav2_training.loop.fit import LOST_IN_A_ROW, parameter_groups
from dav2_training.loop.lr_schedule import warm_cosine


class WeightAverage:
    """An exponential moving average of weights: what is judged and kept. It follows fast at first."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.network = network
        self.weights = {name: tensor.detach().float().clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self) -> None:
        """Move towards the network's weights."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        now = self.network.state_dict()
        torch._foreach_lerp_(list(self.weights.values()), [now[name].float() for name in self.weights], 1.0 - decay)
        self.updates += 1

    def applied(self) -> _Applied:
        """Let the network have the averaged weights for a while: `with average.applied(): ...`."""
        return _Applied(self)


class _Applied:
    def __init__(self, average: WeightAverage) -> None:
        self.average = average

    def __enter__(self) -> None:
        network = self.average.network
        self.raw = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        network.load_state_dict(self.average.weights)

    def __exit__(self, *_: object) -> None:
        self.average.network.load_state_dict(self.raw)


@dataclass(eq=False)
class TrainingProgress:
    """How far a run is, and what it has seen."""

    step: int = 0
    elapsed_s: float = 0.0  # of all sessions
    drawn: int = 0
    rendered: int = 0
    batch: int = 0
    judged: list[dict[str, Any]] = field(default_factory=list)


@dataclass(eq=False)
class TimedSession:
    """One process's part of a run."""

    network: nn.Module
    config: MetricConfig
    loss: Callable[[nn.Module, MetricBatch], Tensor]
    info: ModelInfo
    out: Path
    device: str
    began: float
    model: nn.Module | None = None  # the network, perhaps compiled
    stopped: bool = False
    lost: int = 0
    before_s: float = 0.0  # of the sessions before this one

    def __post_init__(self) -> None:
        self.timed: TimedConfig = self.config.timed
        self.network.to(self.device)
        _last_layer_in_float32(self.network)
        self.model = _compiled(self.network, self) if self.timed.compile else self.network
        self.average = WeightAverage(self.network, self.timed.ema)
        fused = self.device != 'cpu'
        groups = parameter_groups(self.network, self.config.fit)
        self.optimizer = torch.optim.AdamW(groups, betas=self.config.fit.betas, fused=fused)
        self.progress = TrainingProgress(batch=self.config.fit.batch)
        self.facts = checkpoints.plain(dataclasses.asdict(self.config))

    @property
    def elapsed_s(self) -> float:
        """Return the seconds of all sessions until now."""
        return self.before_s + time.monotonic() - self.began

    @property
    def total_s(self) -> float:
        """Seconds in which it learns; what is left of the box is for judging and writing."""
        box = 60.0 * self.timed.minutes
        return box - min(self.timed.finish_s, 0.3 * box)

    def say(self, line: str) -> None:
        """Tell one line, on the terminal and in the log."""
        print(f'[{self.elapsed_s:7.1f} s] {line}', flush=True)
        with (self.out / 'log.csv').open('a') as file:
            file.write(f'# {line}\n')

    def resume(self) -> None:
        """Go on from last.pt where there is one. Raises ConfigError for one of another run."""
        path = self.out / 'last.pt'
        if not path.is_file():
            return
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            changed = checkpoints.first_difference(_lasting(state['config']), _lasting(self.facts))
            if not changed:
                self.network.load_state_dict(state['raw'])
                self.average.weights = {name: state['network'][name].float() for name in self.average.weights}
                self.average.updates = state['step']
                self.optimizer.load_state_dict(state['optimizer'])
                self.progress = TrainingProgress(**state['progress'])
        except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
            raise ConfigError(f'{path} is not a whole checkpoint of this kind: move it away to start anew.') from error
        if changed:
            raise ConfigError(f'{path} is of another run ({changed}): set it back, or give another --out.')
        self.before_s = self.progress.elapsed_s

    def keep(self) -> Path:
        """Write last.pt and the runtime's file, each whole under its name or not at all."""
        self.progress.elapsed_s = self.elapsed_s
        model = self.info.to_facts()
        state = {
            'network': self.average.weights, 'raw': self.network.state_dict(), 'config': self.facts, 'model': model,
            'optimizer': self.optimizer.state_dict(), 'step': self.progress.step,
            'progress': dataclasses.asdict(self.progress),
        }  # fmt: skip
        with written_beside(self.out / 'last.pt') as part:
            torch.save(state, part)
        weights = {name: tensor.cpu() for name, tensor in self.average.weights.items()}
        notes = {'steps': self.progress.step, 'config': json.dumps(self.facts)}
        return export.write(export.TrainedModel(weights, self.info, notes), self.out / f'{self.info.name}.safetensors')

    def learn(self, batch: MetricBatch) -> tuple[float, float]:
        """Do one step; return its loss and its gradient's norm. Raises ConfigError where nothing is learnt any more."""
        rate = warm_cosine(self.elapsed_s / self.total_s, self.timed.warm_up)
        for group in self.optimizer.param_groups:
            group['lr'] = group['peak_lr'] * rate
        kind = self.device.partition(':')[0]
        mixed = kind == 'cuda' and self.config.fit.precision == 'bf16-mixed'
        with torch.autocast(kind, torch.bfloat16, enabled=mixed):
            value = self.loss(self.model, batch)
        value.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.fit.clip_norm or math.inf)
        good = bool(torch.isfinite(norm))
        if good:
            self.optimizer.step()
            self.average.update()
        self.lost = 0 if good else self.lost + 1
        self.optimizer.zero_grad(set_to_none=True)
        if self.lost >= LOST_IN_A_ROW:
            raise ConfigError(f'The gradient was not finite in {self.lost} steps in a row: lower fit.lr.')
        self.progress.step += 1
        return float(value.detach()), float(norm)


def _lasting(settings: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a configuration what sessions may change: how long, and how often it tells."""
    timed = {k: v for k, v in settings['timed'].items() if k not in ('minutes', 'finish_s', 'judge_every_s', 'compile')}
    return {**settings, 'timed': timed}


def _last_layer_in_float32(network: nn.Module) -> None:
    """Keep the last layer out of autocast: in bfloat16, neighbouring depths differ by 0.4 % or not at all."""
    layer = network.depth_head.scratch.output_conv2[2]
    forward = layer.forward

    def in_float32(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return forward(x.float())

    layer.forward = in_float32


def _compiled(network: nn.Module, session: TimedSession) -> nn.Module:
    try:
        model = torch.compile(network, dynamic=False)
        config = session.config
        with torch.autocast(session.device.partition(':')[0], torch.bfloat16):
            model(torch.zeros(2, 3, config.height, config.width, device=session.device)).mean().backward()
        network.zero_grad(set_to_none=True)
        return model
    except Exception as error:  # whatever a compiler raises: the network runs without it
        session.say(f'torch.compile does not work here, going on without: {" ".join(str(error).split())[:200]}')
        return network
