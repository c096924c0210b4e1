/* Convolutions of every map by its own window, for one element type (see kernels_typed.h for ELEMENT, LOAD, STORE and
 * NAMED). Windows 3, 5 and 7, strides 1 and 2, padding below the window, sides up to 64 pixels. With `rectified` the
 * layer reads max(in, 0), and its gradient passes where in > 0. A job is an image's 16 maps; weights are (c, window,
 * window). */

/* Row y of 16 maps as floats, none below `least`, with zeros for what lies outside the image: `to` starts `padding` pixels
 * left of it. Rows and columns lie `apart` from one another, and zeros lie between them. */
INLINE void NAMED(widen_row)(const ELEMENT *image, maps *restrict to, long y, long h, long w, long c, long width, long padding,
                             long apart, float least) {
    if (y < 0 || y % apart != 0 || y / apart >= h) {
        memset(to + padding, 0, sizeof(maps) * ((w - 1) * apart + 1));
        return;
    }
    for (long x = 0; x < w; x++) {
        const ELEMENT *pixel = image + (y / apart * w + x) * c;
        float *out = (float *)(to + padding + x * apart);
#define WIDEN(count)                               \
    for (long k = 0; k < (count); k++) {           \
        const float value = LOAD(pixel[k]);        \
        out[k] = value < least ? least : value;    \
    }
        if (width == MAPS) { WIDEN(MAPS) } else { WIDEN(width) }
#undef WIDEN
    }
}

/* A row of sums to the stored type; zeros where `mask`, if there is one, is not above zero. */
INLINE void NAMED(narrow_row)(const maps *sums, const ELEMENT *mask, ELEMENT *restrict to, long w, long c,
                              long width) {
    for (long x = 0; x < w; x++) {
        const float *in = (const float *)(sums + x);
#define NARROW(count, kept) \
    for (long k = 0; k < (count); k++) to[x * c + k] = STORE((kept) ? in[k] : 0.0f);
        if (mask && width == MAPS) { NARROW(MAPS, !(LOAD(mask[x * c + k]) <= 0.0f)) }
        else if (mask) { NARROW(width, !(LOAD(mask[x * c + k]) <= 0.0f)) }
        else if (width == MAPS) { NARROW(MAPS, 1) }
        else { NARROW(width, 1) }
#undef NARROW
    }
}

/* The weights of every 16 maps as vectors, tap by tap, from the first to the last or the other way round. */
static void NAMED(spread_taps)(const ELEMENT *weight, float *taps, long c, long count, long reversed) {
    for (long c0 = 0; c0 < c; c0 += MAPS)
        for (long tap = 0; tap < count; tap++)
            for (long k = 0; k < MAPS; k++) {
                const long from = (c0 + k) * count + (reversed ? count - 1 - tap : tap);
                taps[c0 * count + tap * MAPS + k] = c0 + k < c ? LOAD(weight[from]) : 0.0f;
            }
}

/* (n, h, w, c), spread `apart`, -> (n, oh, ow, c): the sums of taps times pixels in each window. */
static void NAMED(correlate)(const ELEMENT *in, const float *taps, const ELEMENT *mask, ELEMENT *out, long n, long h,
                             long w, long c, long oh, long ow, long window, long stride, long padding, long apart,
                             float least) {
    const long blocks = (c + MAPS - 1) / MAPS;
    const long length = row_length(padding + (w - 1) * apart + 1, ow, window, stride);
#pragma omp parallel for schedule(static)
    for (long job = 0; job < n * blocks; job++) {
        const long image = job / blocks, c0 = job % blocks * MAPS, width = MIN(MAPS, c - c0);
        maps rows[MAX_TAPS * MAX_ROW], sums[MAX_ROW];
        const maps *spanned[MAX_TAPS];
        memset(rows, 0, sizeof(maps) * window * length);
        long ready = 0; /* rows widened so far, counted from the top of the padding */
        for (long oy = 0; oy < oh; oy++) {
            for (; ready < oy * stride + window; ready++)
                NAMED(widen_row)(in + image * h * w * c + c0, rows + ready % window * length, ready - padding, h, w, c,
                                 width, padding, apart, least);
            for (long dy = 0; dy < window; dy++) spanned[dy] = rows + (oy * stride + dy) % window * length;
            window_sums(spanned, (const maps_in_memory *)(taps + c0 * window * window), sums, ow, window, stride);
            const long at = (image * oh + oy) * ow * c + c0;
            NAMED(narrow_row)(sums, mask ? mask + at : 0, out + at, ow, c, width);
        }
    }
}

/* (n, h, w, c) -> (n, oh, ow, c). taps is working space for the weights, whole vectors of 16 maps. */
void NAMED(depthwise_forward)(const ELEMENT *in, const ELEMENT *weight, float *taps, ELEMENT *out, long n, long h,
                              long w, long c, long oh, long ow, long window, long stride, long padding,
                              long rectified) {
    NAMED(spread_taps)(weight, taps, c, window * window, 0);
    NAMED(correlate)(in, taps, 0, out, n, h, w, c, oh, ow, window, stride, padding, 1, LEAST(rectified));
}

/* Gradient of depthwise_forward's input: the output's gradient, spread by the stride, under the window turned around. */
void NAMED(depthwise_input_gradient)(const ELEMENT *in, const ELEMENT *weight, const ELEMENT *gradient, float *taps,
                                     ELEMENT *in_gradient, long n, long h, long w, long c, long oh, long ow,
                                     long window, long stride, long padding, long rectified) {
    NAMED(spread_taps)(weight, taps, c, window * window, 1);
    NAMED(correlate)(gradient, taps, rectified ? in : 0, in_gradient, n, oh, ow, c, h, w, window, 1,
                     window - 1 - padding, stride, LEAST(0));
}

/* Gradient of depthwise_forward's weights. Each image has sums of its own, (n, blocks of maps, window * window, 16), and
 * these are added up in the order of the images, so that the result does not depend on the number of threads. */
void NAMED(depthwise_weight_gradient)(const ELEMENT *in, const ELEMENT *gradient, float *sums, ELEMENT *weight_gradient,
                                      long n, long h, long w, long c, long oh, long ow, long window, long stride,
                                      long padding, long rectified) {
    const long blocks = (c + MAPS - 1) / MAPS, taps = window * window;
    const long length = row_length(padding + w, ow, window, stride);
    const float least = LEAST(rectified);
#pragma omp parallel for schedule(static)
    for (long job = 0; job < n * blocks; job++) {
        const long image = job / blocks, c0 = job % blocks * MAPS, width = MIN(MAPS, c - c0);
        maps rows[MAX_TAPS * MAX_ROW], row_gradient[MAX_ROW], products[MAX_TAPS * MAX_TAPS];
        memset(rows, 0, sizeof(maps) * window * length);
        memset(products, 0, sizeof(products));
        long ready = 0;
        for (long oy = 0; oy < oh; oy++) {
            for (; ready < oy * stride + window; ready++)
                NAMED(widen_row)(in + image * h * w * c + c0, rows + ready % window * length, ready - padding, h, w, c,
                                 width, padding, 1, least);
            NAMED(widen_row)(gradient + image * oh * ow * c + c0, row_gradient, oy, oh, ow, c, width, 0, 1, LEAST(0));
            for (long dy = 0; dy < window; dy++)
                window_products(rows + (oy * stride + dy) % window * length, row_gradient, products + dy * window, ow,
                                window, stride);
        }
        memcpy(sums + job * taps * MAPS, products, sizeof(maps) * taps);
    }
#pragma omp parallel for schedule(static)
    for (long map = 0; map < c; map++)
        for (long tap = 0; tap < taps; tap++) {
            float sum = 0.0f;
            for (long image = 0; image < n; image++)
                sum += sums[((image * blocks + map / MAPS) * taps + tap) * MAPS + map % MAPS];
            weight_gradient[map * taps + tap] = STORE(sum);
        }
}
