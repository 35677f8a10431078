# SPDX-FileCopyrightText: 2026 The dav2_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The lines that cast rays in C++, for CUDA and for a CPU: primitives.py once more, and held to it by ray_kernel.py."""

from __future__ import annotations

from dav2_training.data.varied.primitives import EPS_M, HOLES, INNER, ROW, SHADOW

BLOCK, STAGED = 256, 64  # threads of a block; rows of the table in shared memory at a time

SOURCE = (
    f"""
#define ROW {ROW}
#define EPS {EPS_M}f
#define INNER {INNER}f
#define HOLES {HOLES}f
#define SHADOW {SHADOW}
#define BLOCK {BLOCK}
#define STAGED {STAGED}
"""
    + r"""
#define NOTHING 3.0e38f

DEVICE float leaves(float x, float y, float z, float cut) {
    float a = x * cut, b = y * cut, c = z * cut;
    float large = sinf(a) * cosf(b) + sinf(b) * cosf(c) + sinf(c) * cosf(a);
    float a2 = 2.7f * b + 1.0f, b2 = 2.7f * c + 2.0f, c2 = 2.7f * a + 3.0f;
    return large + 0.8f * (sinf(a2) * cosf(b2) + sinf(b2) * cosf(c2) + sinf(c2) * cosf(a2));
}

DEVICE float slab(float o, float d, float* near_, float* far_) {
    float inverse = 1.0f / (fabsf(d) < 1e-12f ? 1e-12f : d);
    float middle = -o * inverse, reach = fabsf(inverse);
    *near_ = fmaxf(*near_, middle - reach);
    *far_ = fminf(*far_, middle + reach);
    return inverse;
}

DEVICE float shell(const float* o, const float* d, float radius, float sign) {
    float a = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
    float b = o[0] * d[0] + o[1] * d[1] + o[2] * d[2];
    float x = o[1] * d[2] - o[2] * d[1], y = o[2] * d[0] - o[0] * d[2], z = o[0] * d[1] - o[1] * d[0];
    float root = a * radius * radius - (x * x + y * y + z * z);
    if (!(root > 0.0f)) return NOTHING;
    float t = (-b + sign * sqrtf(root)) / a;
    return t > EPS ? t : NOTHING;
}

DEVICE float hit(const float* r, float x, float y, float z, float dx, float dy, float dz) {
    float o[3], d[3];
    x -= r[9]; y -= r[10]; z -= r[11];
    for (int k = 0; k < 3; ++k) {
        o[k] = r[3 * k] * x + r[3 * k + 1] * y + r[3 * k + 2] * z;
        d[k] = r[3 * k] * dx + r[3 * k + 1] * dy + r[3 * k + 2] * dz;
    }
    int shape = (int)r[12];
    if (shape == 0) {
        float near_ = -NOTHING, far_ = NOTHING;
        for (int k = 0; k < 3; ++k) slab(o[k], d[k], &near_, &far_);
        return near_ <= far_ && near_ > EPS ? near_ : NOTHING;
    }
    if (shape == 1) {
        float a = d[0] * d[0] + d[1] * d[1], b = o[0] * d[0] + o[1] * d[1];
        float cross = o[0] * d[1] - o[1] * d[0], root = a - cross * cross, found = NOTHING;
        if (root > 0.0f) {
            float side = (-b - sqrtf(root)) / fmaxf(a, 1e-20f);
            if (side > EPS && fabsf(o[2] + side * d[2]) <= 1.0f) found = side;
        }
        float down = fabsf(d[2]) < 1e-12f ? 1e-12f : d[2];
        float lid = ((down < 0.0f ? 1.0f : -1.0f) - o[2]) / down;
        float u = o[0] + lid * d[0], v = o[1] + lid * d[1];
        if (lid > EPS && u * u + v * v <= 1.0f) found = fminf(found, lid);
        return found;
    }
    if (shape == 2) return shell(o, d, 1.0f, -1.0f);
    for (int k = 0; k < 3; ++k) {
        float t = shell(o, d, k == 1 ? INNER : 1.0f, k == 2 ? 1.0f : -1.0f);
        if (t < NOTHING && leaves(o[0] + t * d[0], o[1] + t * d[1], o[2] + t * d[2], r[13]) > HOLES) return t;
    }
    return NOTHING;
}

DEVICE void nearest_of(const float* rows, int n, int first, const float* o, const float* d, float* t, int* index) {
    for (int i = 0; i < n; ++i) {
        float found = hit(rows + i * ROW, o[0], o[1], o[2], d[0], d[1], d[2]);
        if (found < *t) { *t = found; *index = first + i; }
    }
}

DEVICE bool blocked_by(const float* rows, int n, const float* o, const float* d, float until) {
    for (int i = 0; i < n; ++i)
        if (rows[i * ROW + SHADOW] > 0.0f && hit(rows + i * ROW, o[0], o[1], o[2], d[0], d[1], d[2]) < until)
            return true;
    return false;
}
"""
)

KERNELS = r"""
extern "C" __global__ void cast_nearest(const float* rows, const int* counts, const float* origin,
                                        const float* direction, float* t, int* index, int n, int p) {
    __shared__ float staged[STAGED * ROW];
    int pixel = blockIdx.x * BLOCK + threadIdx.x, frame = blockIdx.y, count = counts[frame];
    bool in = pixel < p;
    float o[3], d[3] = {0.0f, 0.0f, 1.0f}, best = 0.0f;
    int which = 0;
    for (int k = 0; k < 3; ++k) {
        o[k] = origin[frame * 3 + k];
        if (in) d[k] = direction[((size_t)frame * 3 + k) * p + pixel];
    }
    if (in) { best = t[(size_t)frame * p + pixel]; which = index[(size_t)frame * p + pixel]; }
    for (int first = 0; first < count; first += STAGED) {
        int some = min(STAGED, count - first);
        __syncthreads();
        for (int i = threadIdx.x; i < some * ROW; i += BLOCK) staged[i] = rows[((size_t)frame * n + first) * ROW + i];
        __syncthreads();
        if (in) nearest_of(staged, some, first, o, d, &best, &which);
    }
    if (in) { t[(size_t)frame * p + pixel] = best; index[(size_t)frame * p + pixel] = which; }
}

extern "C" __global__ void cast_blocked(const float* rows, const int* counts, const float* lamp, const float* towards,
                                        const float* until, unsigned char* dark, int n, int p) {
    __shared__ float staged[STAGED * ROW];
    int pixel = blockIdx.x * BLOCK + threadIdx.x, frame = blockIdx.y, count = counts[frame];
    bool in = pixel < p, found = false;
    float o[3], d[3] = {0.0f, 0.0f, 1.0f}, limit = 0.0f;
    for (int k = 0; k < 3; ++k) {
        o[k] = lamp[frame * 3 + k];
        if (in) d[k] = towards[((size_t)frame * 3 + k) * p + pixel];
    }
    if (in) limit = until[(size_t)frame * p + pixel];
    for (int first = 0; first < count; first += STAGED) {
        int some = min(STAGED, count - first);
        __syncthreads();
        for (int i = threadIdx.x; i < some * ROW; i += BLOCK) staged[i] = rows[((size_t)frame * n + first) * ROW + i];
        __syncthreads();
        if (in && !found) found = blocked_by(staged, some, o, d, limit);
    }
    if (in) dark[(size_t)frame * p + pixel] = found;
}
"""
# Some releases of PyTorch put extern "C" before what does not begin with it.
SOURCE_CUDA = 'extern "C" {}\n#define DEVICE __device__ __forceinline__\n' + SOURCE + KERNELS
SOURCE_HOST = (
    '#include <cmath>\n#define DEVICE static inline\n'
    + SOURCE
    + r"""
extern "C" void nearest_host(const float* rows, int n, const float* o, const float* d, float* t, int* index, int p) {
    for (int i = 0; i < p; ++i) {
        float ray[3] = {d[i], d[p + i], d[2 * p + i]};
        nearest_of(rows, n, 0, o, ray, t + i, index + i);
    }
}
extern "C" void blocked_host(const float* rows, int n, const float* o, const float* d, const float* until,
                             unsigned char* dark, int p) {
    for (int i = 0; i < p; ++i) {
        float ray[3] = {d[i], d[p + i], d[2 * p + i]};
        dark[i] = blocked_by(rows, n, o, ray, until[i]);
    }
}
"""
)
