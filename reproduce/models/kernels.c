/* CPU kernels for pooling, normalization, locally connected layers, convolutions of single maps and the gradient of ReLU,
 * forward and backward.
 *
 * They exist because torch's own are slow: on a CPU with bf16 matrix units its gradient of max pooling takes as long as
 * all convolutions, a few milliseconds per batch, and its LocalResponseNorm more than triples a step in float32. Each
 * function works on channels-last arrays in one or two passes over memory, with float arithmetic. One thread writes each
 * output element, in a fixed order, and sums over all images are taken in parts that do not depend on the number of
 * threads; so no result does.
 *
 * Compiled on first use by reproduce/models/kernels.py with the machine's C compiler. */

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define INLINE static inline __attribute__((always_inline))
/* gcc keeps the sums of a block in registers only where it unrolls whole loops, as it does at -O3: response
 * normalization then takes a third of the time. The gradient of max pooling takes three times as long at -O3, so the
 * file is compiled at -O2. */
#if defined(__GNUC__) && !defined(__clang__)
#define UNROLLED __attribute__((optimize("O3")))
#else
#define UNROLLED
#endif
#define BLOCK 32
#define TILE 2048
#define MAX_WINDOW 33

INLINE float bf16_to_float(uint16_t bits) {
    union { uint32_t u; float f; } value = {.u = (uint32_t)bits << 16};
    return value.f;
}

/* Round to nearest even, as torch does; a NaN stays a NaN. */
INLINE uint16_t float_to_bf16(float number) {
    union { float f; uint32_t u; } value = {.f = number};
    const uint32_t rounded = (value.u + 0x7fffu + ((value.u >> 16) & 1u)) >> 16;
    return number != number ? 0x7fc0u : (uint16_t)rounded;
}

/* out[i] = constant + factor * sum of in[i .. i + window) */
INLINE void affine_sums_of(const float *in, float *out, long count, long window, float factor, float constant) {
    for (long i = 0; i < count; i++) {
        float sum = in[i];
        for (long j = 1; j < window; j++) sum += in[i + j];
        out[i] = constant + factor * sum;
    }
}

/* affine_sums_of with the published window sizes compiled in. */
static void affine_window_sums(const float *restrict in, float *restrict out, long count, long window, float factor,
                               float constant) {
    switch (window) {
        case 3: affine_sums_of(in, out, count, 3, factor, constant); break;
        case 5: affine_sums_of(in, out, count, 5, factor, constant); break;
        case 9: affine_sums_of(in, out, count, 9, factor, constant); break;
        default: affine_sums_of(in, out, count, window, factor, constant);
    }
}

/* in ^ -1/4 by Newton's method from a guess made in the exponent bits: a few multiplications instead of the two square
 * roots and a division, which cost as much as the rest of the layer. The guess is within 3.2 %, so three rounds reach float rounding.
 * Infinity, which a sum of squares reaches at values of 1e19, gives 0 as powf does; Newton's method would give -infinity. */
INLINE float inverse_fourth_root(float in) {
    union { float f; uint32_t u; } guess = {.f = in};
    guess.u = 0x4f586000u - (guess.u >> 2);
    float q = guess.f;
    for (int round = 0; round < 3; round++) {
        const float squared = q * q;
        q *= 1.25f - 0.25f * in * squared * squared;
    }
    return in > FLT_MAX ? 0.0f : q;
}

/* out[k] = in[k] ^ -beta; every published network has beta 0.75, so 0.75 and 1.75 (its gradient) are made fast. */
INLINE void inverse_powers(const float *in, float *out, long c, float beta) {
    if (beta == 0.75f) {
        for (long k = 0; k < c; k++) {
            const float q = inverse_fourth_root(in[k]);
            out[k] = q * q * q;
        }
    } else if (beta == 1.75f) {
        for (long k = 0; k < c; k++) {
            const float q = inverse_fourth_root(in[k]), cubed = q * q * q;
            out[k] = cubed * cubed * q;
        }
    } else {
        for (long k = 0; k < c; k++) out[k] = powf(in[k], -beta);
    }
}

#include "kernels_depthwise.h"

#define ELEMENT float
#define LOAD(x) (x)
#define STORE(x) (x)
#define NAMED(name) name##_fp32
#define ACROSS_MAPS_FORWARD_DONE(...) 0
#define ACROSS_MAPS_BACKWARD_DONE(...) 0
#include "kernels_typed.h"
#include "kernels_batch_norm_typed.h"
#include "kernels_depthwise_typed.h"
#include "kernels_elementwise_typed.h"
#undef ELEMENT
#undef LOAD
#undef STORE
#undef NAMED
#undef ACROSS_MAPS_FORWARD_DONE
#undef ACROSS_MAPS_BACKWARD_DONE

#include "kernels_pairs.h"

#define ELEMENT uint16_t
#define LOAD(x) bf16_to_float(x)
#define STORE(x) float_to_bf16(x)
#define NAMED(name) name##_bf16
#define ACROSS_MAPS_FORWARD_DONE(...) pairs_forward(__VA_ARGS__)
#define ACROSS_MAPS_BACKWARD_DONE(...) pairs_backward(__VA_ARGS__)
#include "kernels_typed.h"
#include "kernels_batch_norm_typed.h"
#include "kernels_depthwise_typed.h"
#include "kernels_elementwise_typed.h"
