/* Convolutions of every map by its own window, the part that works on floats: rows of outputs from padded rows of inputs.
 *
 * A pixel's maps are taken 16 at a time, as one vector of whatever width the processor has. The rows that a window spans
 * are kept as floats, so that each stored element is widened once and read from the nearest memory afterwards. */

#define MAPS 16
#define MAX_TAPS 7   /* of a window's side */
#define OUTPUTS 8    /* computed together */
#define MAX_ROW 96   /* pixels of a padded row: sides up to 64, windows up to 7, and what the last OUTPUTS read */
#define LEAST(rectified) ((rectified) ? 0.0f : -INFINITY)

typedef float maps __attribute__((vector_size(4 * MAPS)));
typedef float maps_in_memory __attribute__((vector_size(4 * MAPS), aligned(4), may_alias));

/* sums[x] = sum over the window's taps of tap * rows[dy][x * stride + dx], OUTPUTS at a time, so that a tap and a pixel are
 * loaded once for several products. Up to OUTPUTS - 1 more than `count` are computed, which nobody reads. */
INLINE void window_sums_of(const maps *const *rows, const maps_in_memory *taps, maps *sums, long count, int window,
                           int stride) {
    for (long x = 0; x < count; x += OUTPUTS) {
        maps sum[OUTPUTS] = {{0}};
        for (int dy = 0; dy < window; dy++) {
            const maps *row = rows[dy] + x * stride;
#pragma GCC unroll 7
            for (int dx = 0; dx < window; dx++) {
                const maps tap = taps[dy * window + dx];
#pragma GCC unroll 8
                for (int i = 0; i < OUTPUTS; i++) sum[i] += tap * row[i * stride + dx];
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < OUTPUTS; i++) sums[x + i] = sum[i];
    }
}

/* products[dx] += sum over x of gradient[x] * row[x * stride + dx] */
INLINE void window_products_of(const maps *row, const maps *gradient, maps *products, long count, int window,
                               int stride) {
    maps p[MAX_TAPS];
#pragma GCC unroll 7
    for (int dx = 0; dx < window; dx++) p[dx] = products[dx];
    for (long x = 0; x < count; x++) {
#pragma GCC unroll 7
        for (int dx = 0; dx < window; dx++) p[dx] += gradient[x] * row[x * stride + dx];
    }
#pragma GCC unroll 7
    for (int dx = 0; dx < window; dx++) products[dx] = p[dx];
}

/* Pixels of a padded row: what the last window reads, or all that is there. */
INLINE long row_length(long pixels, long count, long window, long stride) {
    return MAX(pixels, ((count + OUTPUTS - 1) / OUTPUTS * OUTPUTS - 1) * stride + window);
}

/* Runs CALL(window, stride) with constants, so that the compiler unrolls its loops: windows 3, 5, 7, strides 1 and 2. */
#define FOR_WINDOW_AND_STRIDE(CALL)                      \
    switch (10 * window + stride) {                      \
        case 31: CALL(3, 1); break;                      \
        case 32: CALL(3, 2); break;                      \
        case 51: CALL(5, 1); break;                      \
        case 52: CALL(5, 2); break;                      \
        case 71: CALL(7, 1); break;                      \
        case 72: CALL(7, 2); break;                      \
    }

static void window_sums(const maps *const *rows, const maps_in_memory *taps, maps *sums, long count, long window,
                        long stride) {
#define CALL(side, step) window_sums_of(rows, taps, sums, count, side, step)
    FOR_WINDOW_AND_STRIDE(CALL)
#undef CALL
}

static void window_products(const maps *row, const maps *gradient, maps *products, long count, long window,
                            long stride) {
#define CALL(side, step) window_products_of(row, gradient, products, count, side, step)
    FOR_WINDOW_AND_STRIDE(CALL)
#undef CALL
}
