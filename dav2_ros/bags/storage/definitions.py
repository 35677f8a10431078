# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hold the definitions of our messages for recordings: msg/ without comments; a test compares them."""

INFERENCE_STATS, SCALE_ESTIMATE = 'dav2_ros/msg/InferenceStats', 'dav2_ros/msg/ScaleEstimate'
DEFINITIONS = {
    INFERENCE_STATS: """std_msgs/Header header
float32 pre_ms
float32 engine_ms
float32 post_ms
float32 publish_ms
float32 latency_ms
uint64 frames_received
uint64 frames_processed
uint64 frames_dropped
uint64 frames_failed
float32 valid_fraction
float32 min_z_m
float32 median_z_m
float32 max_z_m
float32 focal_correction
float32 scale
string model
string engine
string precision
""",
    SCALE_ESTIMATE: """std_msgs/Header header
float32 applied
float32 value
float32 std_dev
bool trusted
uint32 inliers
uint32 total
float32 age_s
string source
string reason
""",
}
