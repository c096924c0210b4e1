/* Response normalization across maps in bf16, for several times more maps at once than in across_maps_forward and
 * across_maps_backward, the general form.
 *
 * Two neighboring maps share a 32-bit word, and either is widened to float by one operation, a shift or a mask. So the
 * even and the odd maps of a pixel are kept in two sets of vectors: the windows around a map and around its neighbor
 * share all terms but one, and neighboring maps are a lane apart. Only the pixels go through memory.
 *
 * For gcc's vector types, little-endian words, beta = 0.75, windows of 3, 5, 7 or 9 and maps in multiples of 32, which are
 * whole vectors everywhere; anything else is left to the general form. The choice of form must not depend on how wide a
 * processor's vectors are: the two forms round differently, and where rounding decides which of two values in a pooling
 * window is the larger, the gradients differ. */

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX2__)
#define LANES 8
#else
#define LANES 4
#endif
#define MAPS_AT_ONCE 32 /* two vectors of 16, the widest */
#define MAX_VECTORS (TILE / (2 * LANES))

#if defined(__GNUC__) && !defined(__clang__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HAVE_PAIRS 1

typedef float floats __attribute__((vector_size(4 * LANES)));
typedef uint32_t words __attribute__((vector_size(4 * LANES)));
typedef uint32_t words_in_memory __attribute__((vector_size(4 * LANES), aligned(2), may_alias));

INLINE floats even_maps(words pairs) { return (floats)(pairs << 16); }
INLINE floats odd_maps(words pairs) { return (floats)(pairs & 0xffff0000u); }

/* Rounds to nearest even in the upper half. A NaN stays one without further care: those that arithmetic makes, and
 * those widened from bf16, have no bits in the lower half that could carry over. */
INLINE words rounded(floats numbers) { return (words)numbers + 0x7fffu + (((words)numbers >> 16) & 1u); }
INLINE words paired(floats even, floats odd) { return (rounded(even) >> 16) | (rounded(odd) & 0xffff0000u); }

/* The vector whose first lane lies `by` lanes after that of v[0]; -LANES <= by <= LANES. */
INLINE floats lanes_from(const floats *v, int by) {
    words lanes;
    for (int k = 0; k < LANES; k++) lanes[k] = (uint32_t)(by < 0 ? k + LANES + by : k + by);
    if (by == 0) return v[0];
    return by < 0 ? __builtin_shuffle(v[-1], v[0], lanes) : __builtin_shuffle(v[0], v[1], lanes);
}

/* Sums over 2 half + 1 maps around each even and each odd map. The windows around the maps 2i (even[i]) and 2i + 1
 * (odd[i]) share the maps 2i + 1 - half to 2i + half. */
INLINE void sums_of_pairs(const floats *even, const floats *odd, int half, floats *even_sum, floats *odd_sum) {
    const int first_even = -((half - 1) / 2), first_odd = -(half / 2), is_odd = half & 1, far = (half + 1) / 2;
    floats shared = lanes_from(even, first_even) + lanes_from(odd, first_odd);
#pragma GCC unroll 4
    for (int j = 1; j < half; j++) shared += lanes_from(even, first_even + j) + lanes_from(odd, first_odd + j);
    *even_sum = shared + lanes_from(is_odd ? odd : even, -far);
    *odd_sum = shared + lanes_from(is_odd ? even : odd, far);
}

/* in ^ -1/4 from the same guess q as inverse_fourth_root, by one step of third order: with r = 1 - in q^4,
 * in ^ -1/4 = q (1 - r) ^ -1/4 = q (1 + r/4 + 5/32 r^2 + 15/128 r^3 + ...). Within 2.6e-5, so that the cube is within
 * 8e-5, a fiftieth of what bf16 rounds by. Infinity gives 0; a NaN stays one. */
INLINE floats inverse_fourth_roots(floats in) {
    const floats q = (floats)(0x4f586000u - ((words)in >> 2)), squared = q * q;
    const floats r = 1.0f - in * (squared * squared);
    const floats root = q * (((15.0f / 128.0f * r + 5.0f / 32.0f) * r + 0.25f) * r + 1.0f);
    return (floats)((words)root & ~(words)(in > FLT_MAX));
}

INLINE void pairs_forward_of(const words_in_memory *in, words_in_memory *out, long pixels, long vectors, int half,
                             float alpha, float constant) {
    floats even[MAX_VECTORS + 2], odd[MAX_VECTORS + 2]; /* squares, a vector of zeros on either side */
    even[0] = odd[0] = even[vectors + 1] = odd[vectors + 1] = (floats){0};
    for (long p = 0; p < pixels; p++, in += vectors, out += vectors) {
        for (long v = 0; v < vectors; v++) {
            even[v + 1] = even_maps(in[v]) * even_maps(in[v]);
            odd[v + 1] = odd_maps(in[v]) * odd_maps(in[v]);
        }
        for (long v = 0; v < vectors; v++) {
            floats e, o;
            sums_of_pairs(even + v + 1, odd + v + 1, half, &e, &o);
            e = inverse_fourth_roots(constant + alpha * e);
            o = inverse_fourth_roots(constant + alpha * o);
            out[v] = paired(even_maps(in[v]) * (e * e * e), odd_maps(in[v]) * (o * o * o));
        }
    }
}

INLINE void pairs_backward_of(const words_in_memory *in, const words_in_memory *gradient, words_in_memory *in_gradient,
                              long pixels, long vectors, int half, float alpha, float constant) {
    const float factor = 2.0f * alpha * 0.75f;
    floats even[MAX_VECTORS + 2], odd[MAX_VECTORS + 2], even_terms[MAX_VECTORS + 2], odd_terms[MAX_VECTORS + 2];
    floats even_direct[MAX_VECTORS], odd_direct[MAX_VECTORS]; /* gradient d^-beta */
    even[0] = odd[0] = even[vectors + 1] = odd[vectors + 1] = (floats){0};
    even_terms[0] = odd_terms[0] = even_terms[vectors + 1] = odd_terms[vectors + 1] = (floats){0};
    for (long p = 0; p < pixels; p++, in += vectors, gradient += vectors, in_gradient += vectors) {
        for (long v = 0; v < vectors; v++) {
            even[v + 1] = even_maps(in[v]) * even_maps(in[v]);
            odd[v + 1] = odd_maps(in[v]) * odd_maps(in[v]);
        }
        for (long v = 0; v < vectors; v++) {
            floats e, o;
            sums_of_pairs(even + v + 1, odd + v + 1, half, &e, &o);
            e = inverse_fourth_roots(constant + alpha * e);
            o = inverse_fourth_roots(constant + alpha * o);
            const floats e3 = e * e * e, o3 = o * o * o;
            even_direct[v] = even_maps(gradient[v]) * e3;
            odd_direct[v] = odd_maps(gradient[v]) * o3;
            even_terms[v + 1] = even_direct[v] * even_maps(in[v]) * (e3 * e * factor);
            odd_terms[v + 1] = odd_direct[v] * odd_maps(in[v]) * (o3 * o * factor);
        }
        for (long v = 0; v < vectors; v++) {
            floats e, o;
            sums_of_pairs(even_terms + v + 1, odd_terms + v + 1, half, &e, &o);
            in_gradient[v] = paired(even_direct[v] - even_maps(in[v]) * e, odd_direct[v] - odd_maps(in[v]) * o);
        }
    }
}

/* Runs CALL(half) with a constant for half, so that the compiler knows every shuffle of lanes. */
#define FOR_WINDOW(CALL)        \
    switch (window) {           \
        case 3: CALL(1); break; \
        case 5: CALL(2); break; \
        case 7: CALL(3); break; \
        default: CALL(4);       \
    }
#define PIXELS_AT_ONCE 64

static int pairs_fit(long c, long window, float beta) {
    return c % MAPS_AT_ONCE == 0 && c <= TILE && window % 2 == 1 && window > 1 && window <= 9 && beta == 0.75f;
}

static void pairs_forward_some(const uint16_t *in, uint16_t *out, long pixels, long c, long window, float alpha,
                               float constant) {
#define CALL(half) \
    pairs_forward_of((const void *)in, (void *)out, pixels, c / (2 * LANES), half, alpha, constant)
    FOR_WINDOW(CALL)
#undef CALL
}

static void pairs_backward_some(const uint16_t *in, const uint16_t *gradient, uint16_t *in_gradient, long pixels,
                                long c, long window, float alpha, float constant) {
#define CALL(half)                                                                                                     \
    pairs_backward_of((const void *)in, (const void *)gradient, (void *)in_gradient, pixels, c / (2 * LANES), half,    \
                      alpha, constant)
    FOR_WINDOW(CALL)
#undef CALL
}
#endif

/* Normalizes if this form fits, and returns whether it did. Arguments as in across_maps_forward. */
static int pairs_forward(const uint16_t *in, uint16_t *out, long pixels, long c, long window, float alpha, float beta,
                         float constant) {
#ifdef HAVE_PAIRS
    if (pairs_fit(c, window, beta)) {
#pragma omp parallel for schedule(static)
        for (long p = 0; p < pixels; p += PIXELS_AT_ONCE)
            pairs_forward_some(in + p * c, out + p * c, MIN(PIXELS_AT_ONCE, pixels - p), c, window, alpha, constant);
        return 1;
    }
#endif
    return 0;
}

/* As pairs_forward, with the arguments of across_maps_backward. */
static int pairs_backward(const uint16_t *in, const uint16_t *gradient, uint16_t *in_gradient, long pixels, long c,
                          long window, float alpha, float beta, float constant) {
#ifdef HAVE_PAIRS
    if (pairs_fit(c, window, beta)) {
#pragma omp parallel for schedule(static)
        for (long p = 0; p < pixels; p += PIXELS_AT_ONCE)
            pairs_backward_some(in + p * c, gradient + p * c, in_gradient + p * c, MIN(PIXELS_AT_ONCE, pixels - p), c,
                                window, alpha, constant);
        return 1;
    }
#endif
    return 0;
}
