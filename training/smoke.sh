#!/usr/bin/env bash
# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
#
# Every stage of training in miniature, on procedural scenes, on the CPU: that each takes what the one before it made.
# What comes out is not good; what it takes is minutes. From the root of the repository:
#   bash training/smoke.sh
set -euo pipefail
configs=config/training
train() { echo "== dav2-train $*"; "${PYTHON:-python3}" -m dav2_training "$@"; }

rm -rf out/miniature_*
train teacher $configs/miniature_teacher.yaml --out out/miniature_teacher
train pseudo-label $configs/miniature_pseudo_label.yaml
train student $configs/miniature_student.yaml --out out/miniature_student
train metric $configs/miniature_metric.yaml --out out/miniature_metric

"${PYTHON:-python3}" -m dav2_training.data.sets.small_ade20k out/miniature_ade20k
train segment $configs/miniature_segment.yaml --out out/miniature_segment

train export out/miniature_metric/last.pt --out out/miniature_model.safetensors --name miniature
train evaluate out/miniature_teacher/teacher.safetensors out/miniature_student/student.safetensors \
  --data held-out-shifted --frames 16 --height 84 --width 112
train evaluate out/miniature_model.safetensors --frames 16 --height 84 --width 112
echo "All stages ran in $SECONDS s."
