/* Kernels for one element type: ELEMENT is the stored type, LOAD and STORE convert it to and from float,
 * NAMED gives each function its suffix, ACROSS_MAPS_FORWARD_DONE and ACROSS_MAPS_BACKWARD_DONE are tried first and say
 * whether a faster form has done the work. Included by kernels.c once per type.
 *
 * All arrays are channels-last, (images, rows, columns, maps), contiguous. Maps are worked on in blocks: the inner
 * functions are inlined with the constant width BLOCK for whole blocks, so that their sums stay in vector registers,
 * and with the true width for the rest. */

/* Runs CALL(c0, width) over blocks of maps. */
#undef FOR_BLOCKS_OF_MAPS
#define FOR_BLOCKS_OF_MAPS(CALL)                      \
    for (long c0 = 0; c0 < c; c0 += BLOCK) {          \
        if (c - c0 >= BLOCK) CALL(c0, BLOCK);         \
        else CALL(c0, c - c0);                        \
    }

INLINE void NAMED(max_of_window)(const ELEMENT *corner, ELEMENT *out, uint8_t *place, long rows, long columns,
                                 long row_step, long c, long window, long width) {
    float best[BLOCK];
    int32_t where[BLOCK];
    for (long k = 0; k < width; k++) {
        best[k] = LOAD(corner[k]);
        where[k] = 0;
    }
    for (long y = 0; y < rows; y++)
        for (long x = 0; x < columns; x++) {
            const ELEMENT *pixel = corner + y * row_step + x * c;
            const int32_t here = (int32_t)(y * window + x);
            for (long k = 0; k < width; k++) {
                const float value = LOAD(pixel[k]);
                /* a NaN is never greater, so it is taken over explicitly: a broken run must show */
                const int greater = (value > best[k]) | (value != value);
                where[k] = greater ? here : where[k];
                best[k] = greater ? value : best[k];
            }
        }
    for (long k = 0; k < width; k++) {
        out[k] = STORE(best[k]);
        place[k] = (uint8_t)where[k];
    }
}

/* Largest value in each clipped window x window square, and its place inside the window (row * window + column).
 * The first of equal values wins. (n, h, w, c) -> (n, oh, ow, c). */
void NAMED(max_pool_forward)(const ELEMENT *in, ELEMENT *out, uint8_t *place, long n, long h, long w, long c, long oh,
                             long ow, long window, long stride) {
#pragma omp parallel for schedule(static)
    for (long row = 0; row < n * oh; row++) {
        const long image = row / oh, top = (row % oh) * stride;
        for (long ox = 0; ox < ow; ox++) {
            const long left = ox * stride, at = (row * ow + ox) * c;
            const long rows = MIN(window, h - top), columns = MIN(window, w - left);
            const ELEMENT *corner = in + ((image * h + top) * w + left) * c;
#define CALL(c0, width) \
    NAMED(max_of_window)(corner + (c0), out + at + (c0), place + at + (c0), rows, columns, w * c, c, window, width)
            FOR_BLOCKS_OF_MAPS(CALL)
#undef CALL
        }
    }
}

/* The windows that cover input row or column `at`: first to last inclusive. */
INLINE long NAMED(first_window)(long at, long window, long stride) {
    return at < window ? 0 : (at - window) / stride + 1;
}

INLINE void NAMED(gather_chosen)(const ELEMENT *gradient, const uint8_t *place, ELEMENT *to, const long *from,
                                 const uint8_t *here, long windows, long width) {
    float sum[BLOCK] = {0};
    for (long i = 0; i < windows; i++) {
        const ELEMENT *g = gradient + from[i];
        const uint8_t *p = place + from[i], inside = here[i];
        for (long k = 0; k < width; k++) {
            /* Every gradient is loaded, also one that is not selected: without masked loads of 16 bits a processor can
             * work on vectors only so. It is selected before widening, after which a vector holds half as many. */
            const ELEMENT there = g[k], chosen = p[k] == inside ? there : 0;
            sum[k] += LOAD(chosen);
        }
    }
    for (long k = 0; k < width; k++) to[k] = STORE(sum[k]);
}

/* Gradient of max_pool_forward: each input pixel gathers from the windows that chose it, so no two threads write
 * the same place and the sum's order is fixed. window <= 15, so at most 225 windows cover a pixel. */
void NAMED(max_pool_backward)(const ELEMENT *gradient, const uint8_t *place, ELEMENT *in_gradient, long n, long h,
                              long w, long c, long oh, long ow, long window, long stride) {
#pragma omp parallel for schedule(static)
    for (long row = 0; row < n * h; row++) {
        const long image = row / h, y = row % h;
        const long first_oy = NAMED(first_window)(y, window, stride), last_oy = MIN(y / stride, oh - 1);
        for (long x = 0; x < w; x++) {
            const long first_ox = NAMED(first_window)(x, window, stride), last_ox = MIN(x / stride, ow - 1);
            long from[225], windows = 0;
            uint8_t here[225];
            for (long oy = first_oy; oy <= last_oy; oy++)
                for (long ox = first_ox; ox <= last_ox; ox++, windows++) {
                    from[windows] = ((image * oh + oy) * ow + ox) * c;
                    here[windows] = (uint8_t)((y - oy * stride) * window + (x - ox * stride));
                }
            ELEMENT *to = in_gradient + (row * w + x) * c;
#define CALL(c0, width) NAMED(gather_chosen)(gradient + (c0), place + (c0), to + (c0), from, here, windows, width)
            FOR_BLOCKS_OF_MAPS(CALL)
#undef CALL
        }
    }
}

INLINE void NAMED(mean_of_window)(const ELEMENT *corner, ELEMENT *to, long rows, long columns, long row_step, long c,
                                  long width) {
    float sum[BLOCK] = {0};
    for (long y = 0; y < rows; y++)
        for (long x = 0; x < columns; x++)
            for (long k = 0; k < width; k++) sum[k] += LOAD(corner[y * row_step + x * c + k]);
    const float share = 1.0f / (float)(rows * columns);
    for (long k = 0; k < width; k++) to[k] = STORE(sum[k] * share);
}

/* Rows or columns of the window at `at`, `padding` before the first pixel, that lie inside an image of `side` pixels. */
INLINE long NAMED(pixels_inside)(long at, long window, long padding, long side) {
    return MIN(side, at - padding + window) - MAX(0, at - padding);
}

/* Mean of each clipped window, over the pixels really inside the image. (n, h, w, c) -> (n, oh, ow, c). */
void NAMED(average_pool_forward)(const ELEMENT *in, ELEMENT *out, long n, long h, long w, long c, long oh, long ow,
                                 long window, long stride, long padding) {
#pragma omp parallel for schedule(static)
    for (long row = 0; row < n * oh; row++) {
        const long image = row / oh, y = (row % oh) * stride;
        for (long ox = 0; ox < ow; ox++) {
            const long x = ox * stride, top = MAX(0, y - padding), left = MAX(0, x - padding);
            const long rows = NAMED(pixels_inside)(y, window, padding, h);
            const long columns = NAMED(pixels_inside)(x, window, padding, w);
            const ELEMENT *corner = in + ((image * h + top) * w + left) * c;
            ELEMENT *to = out + (row * ow + ox) * c;
#define CALL(c0, width) NAMED(mean_of_window)(corner + (c0), to + (c0), rows, columns, w * c, c, width)
            FOR_BLOCKS_OF_MAPS(CALL)
#undef CALL
        }
    }
}

INLINE void NAMED(gather_shares)(const ELEMENT *gradient, ELEMENT *to, const long *from, const float *share,
                                 long windows, long width) {
    float sum[BLOCK] = {0};
    for (long i = 0; i < windows; i++)
        for (long k = 0; k < width; k++) sum[k] += share[i] * LOAD(gradient[from[i] + k]);
    for (long k = 0; k < width; k++) to[k] = STORE(sum[k]);
}

/* Gradient of average_pool_forward. window <= 15. */
void NAMED(average_pool_backward)(const ELEMENT *gradient, ELEMENT *in_gradient, long n, long h, long w, long c,
                                  long oh, long ow, long window, long stride, long padding) {
#pragma omp parallel for schedule(static)
    for (long row = 0; row < n * h; row++) {
        const long image = row / h, y = row % h + padding;
        const long first_oy = NAMED(first_window)(y, window, stride), last_oy = MIN(y / stride, oh - 1);
        for (long x = padding; x < w + padding; x++) {
            const long first_ox = NAMED(first_window)(x, window, stride), last_ox = MIN(x / stride, ow - 1);
            long from[225], windows = 0;
            float share[225];
            for (long oy = first_oy; oy <= last_oy; oy++)
                for (long ox = first_ox; ox <= last_ox; ox++, windows++) {
                    const long rows = NAMED(pixels_inside)(oy * stride, window, padding, h);
                    const long columns = NAMED(pixels_inside)(ox * stride, window, padding, w);
                    from[windows] = ((image * oh + oy) * ow + ox) * c;
                    share[windows] = 1.0f / (float)(rows * columns);
                }
            ELEMENT *to = in_gradient + (row * w + x - padding) * c;
#define CALL(c0, width) NAMED(gather_shares)(gradient + (c0), to + (c0), from, share, windows, width)
            FOR_BLOCKS_OF_MAPS(CALL)
#undef CALL
        }
    }
}

/* Response normalization across maps: y = x * d^-beta, d = constant + alpha * sum of x^2 over a window of maps.
 *
 * Pixels are taken in tiles: the maps of several pixels lie one after another in a buffer with half a window of
 * zeros on either side of each pixel, so that every loop is long and flat. c + window <= TILE. */
UNROLLED
void NAMED(across_maps_forward)(const ELEMENT *in, ELEMENT *out, long pixels, long c, long window, float alpha,
                                float beta, float constant) {
    if (ACROSS_MAPS_FORWARD_DONE(in, out, pixels, c, window, alpha, beta, constant)) return;
    const long half = window / 2, step = c + 2 * half, tile = TILE / step;
#pragma omp parallel for schedule(static)
    for (long first = 0; first < pixels; first += tile) {
        const long count = MIN(tile, pixels - first);
        float squares[TILE + MAX_WINDOW] = {0}, scale[TILE];
        for (long p = 0; p < count; p++)
            for (long k = 0; k < c; k++) {
                const float value = LOAD(in[(first + p) * c + k]);
                squares[p * step + half + k] = value * value;
            }
        affine_window_sums(squares, scale, count * step, window, alpha, constant);
        inverse_powers(scale, scale, count * step, beta);
        for (long p = 0; p < count; p++)
            for (long k = 0; k < c; k++) {
                const long at = (first + p) * c + k;
                out[at] = STORE(LOAD(in[at]) * scale[p * step + k]);
            }
    }
}

/* Gradient: gx_i = gy_i d_i^-beta - 2 alpha beta x_i * sum over the windows j that hold i of gy_j x_j d_j^(-beta-1).
 * The window is symmetric, so the windows that hold i are those centered on i's neighbors. */
UNROLLED
void NAMED(across_maps_backward)(const ELEMENT *in, const ELEMENT *gradient, ELEMENT *in_gradient, long pixels, long c,
                                 long window, float alpha, float beta, float constant) {
    if (ACROSS_MAPS_BACKWARD_DONE(in, gradient, in_gradient, pixels, c, window, alpha, beta, constant)) return;
    const long half = window / 2, step = c + 2 * half, tile = TILE / step;
#pragma omp parallel for schedule(static)
    for (long first = 0; first < pixels; first += tile) {
        const long count = MIN(tile, pixels - first);
        float terms[TILE + MAX_WINDOW] = {0}, d[TILE], power[TILE];
        for (long p = 0; p < count; p++)
            for (long k = 0; k < c; k++) {
                const float value = LOAD(in[(first + p) * c + k]);
                terms[p * step + half + k] = value * value;
            }
        affine_window_sums(terms, d, count * step, window, alpha, constant);
        inverse_powers(d, power, count * step, beta + 1.0f);
        for (long p = 0; p < count; p++)
            for (long k = 0; k < c; k++) {
                const long at = (first + p) * c + k;
                terms[p * step + half + k] = LOAD(gradient[at]) * LOAD(in[at]) * power[p * step + k];
            }
        for (long i = 0; i < count * step; i++) power[i] = d[i] > FLT_MAX ? 0.0f : power[i] * d[i]; /* not 0 * infinity */
        affine_window_sums(terms, d, count * step, window, 2.0f * alpha * beta, 0.0f);
        for (long p = 0; p < count; p++)
            for (long k = 0; k < c; k++) {
                const long at = (first + p) * c + k;
                in_gradient[at] =
                    STORE(LOAD(gradient[at]) * power[p * step + k] - LOAD(in[at]) * d[p * step + k]);
            }
    }
}

/* Where a clipped window x window square around a pixel begins and ends, relative to the pixel. */
typedef struct { long top, bottom, left, right; } NAMED(square);

INLINE NAMED(square) NAMED(clipped_square)(long y, long x, long h, long w, long half) {
    const NAMED(square) s = {MAX(y - half, 0) - y, MIN(y + half, h - 1) - y, MAX(x - half, 0) - x,
                             MIN(x + half, w - 1) - x};
    return s;
}

INLINE void NAMED(normalize_pixel)(const ELEMENT *in, ELEMENT *out, float *d, NAMED(square) s, long row_step, long c,
                                   float alpha, float beta, float constant, long width) {
    float sum[BLOCK] = {0}, scale[BLOCK];
    for (long dy = s.top; dy <= s.bottom; dy++)
        for (long dx = s.left; dx <= s.right; dx++) {
            const ELEMENT *pixel = in + dy * row_step + dx * c;
            for (long k = 0; k < width; k++) sum[k] += LOAD(pixel[k]) * LOAD(pixel[k]);
        }
    for (long k = 0; k < width; k++) d[k] = sum[k] = constant + alpha * sum[k];
    inverse_powers(sum, scale, width, beta);
    for (long k = 0; k < width; k++) out[k] = STORE(LOAD(in[k]) * scale[k]);
}

/* Response normalization within a map: the window is a clipped square around the pixel.
 * d (n, h, w, c) float receives the denominators, which the backward pass reads. */
UNROLLED
void NAMED(within_map_forward)(const ELEMENT *in, ELEMENT *out, float *d, long n, long h, long w, long c, long window,
                               float alpha, float beta, float constant) {
#pragma omp parallel for schedule(static)
    for (long row = 0; row < n * h; row++)
        for (long x = 0; x < w; x++) {
            const NAMED(square) s = NAMED(clipped_square)(row % h, x, h, w, window / 2);
            const long at = (row * w + x) * c;
#define CALL(c0, width) \
    NAMED(normalize_pixel)(in + at + (c0), out + at + (c0), d + at + (c0), s, w * c, c, alpha, beta, constant, width)
            FOR_BLOCKS_OF_MAPS(CALL)
#undef CALL
        }
}

INLINE void NAMED(normalize_pixel_gradient)(const ELEMENT *in, const ELEMENT *gradient, const float *d,
                                            const float *terms, ELEMENT *in_gradient, NAMED(square) s, long row_step,
                                            long c, float factor, float beta, long width) {
    float sum[BLOCK] = {0}, scale[BLOCK];
    for (long dy = s.top; dy <= s.bottom; dy++)
        for (long dx = s.left; dx <= s.right; dx++)
            for (long k = 0; k < width; k++) sum[k] += terms[dy * row_step + dx * c + k];
    inverse_powers(d, scale, width, beta);
    for (long k = 0; k < width; k++)
        in_gradient[k] = STORE(LOAD(gradient[k]) * scale[k] - factor * LOAD(in[k]) * sum[k]);
}

/* Gradient of within_map_forward; terms (n, h, w, c) float is working space. Form as in across_maps_backward. */
UNROLLED
void NAMED(within_map_backward)(const ELEMENT *in, const ELEMENT *gradient, const float *d, float *terms,
                                ELEMENT *in_gradient, long n, long h, long w, long c, long window, float alpha,
                                float beta) {
    const long elements = n * h * w * c;
#pragma omp parallel for schedule(static)
    for (long first = 0; first < elements; first += TILE) {
        const long count = MIN(TILE, elements - first);
        float power[TILE];
        inverse_powers(d + first, power, count, beta + 1.0f);
        for (long k = 0; k < count; k++) terms[first + k] = LOAD(gradient[first + k]) * LOAD(in[first + k]) * power[k];
    }
#pragma omp parallel for schedule(static)
    for (long row = 0; row < n * h; row++)
        for (long x = 0; x < w; x++) {
            const NAMED(square) s = NAMED(clipped_square)(row % h, x, h, w, window / 2);
            const long at = (row * w + x) * c;
#define CALL(c0, width)                                                                                              \
    NAMED(normalize_pixel_gradient)(in + at + (c0), gradient + at + (c0), d + at + (c0), terms + at + (c0),           \
                                    in_gradient + at + (c0), s, w * c, c, 2.0f * alpha * beta, beta, width)
            FOR_BLOCKS_OF_MAPS(CALL)
#undef CALL
        }
}

/* Patches of an already zero-padded image for a locally connected layer.
 * (n, h, w, c) -> (oh * ow, n, window * window * c), a patch ordered (row, column, map). */
void NAMED(gather_patches)(const ELEMENT *in, ELEMENT *patches, long n, long h, long w, long c, long oh, long ow,
                           long window, long stride) {
#pragma omp parallel for schedule(static)
    for (long place = 0; place < oh * ow; place++)
        for (long image = 0; image < n; image++)
            for (long y = 0; y < window; y++) {
                const long row = place / ow * stride + y, column = place % ow * stride;
                memcpy(patches + ((place * n + image) * window + y) * window * c,
                       in + ((image * h + row) * w + column) * c, sizeof(ELEMENT) * window * c);
            }
}

INLINE void NAMED(gather_places)(const ELEMENT *patches, ELEMENT *to, const long *from, long places, long width) {
    float sum[BLOCK] = {0};
    for (long i = 0; i < places; i++)
        for (long k = 0; k < width; k++) sum[k] += LOAD(patches[from[i] + k]);
    for (long k = 0; k < width; k++) to[k] = STORE(sum[k]);
}

/* Gradient of gather_patches: each padded input pixel sums its places in the patches, in a fixed order.
 * window <= 15. */
void NAMED(scatter_patches)(const ELEMENT *patches, ELEMENT *in_gradient, long n, long h, long w, long c, long oh,
                            long ow, long window, long stride) {
#pragma omp parallel for schedule(static)
    for (long row = 0; row < n * h; row++) {
        const long image = row / h, y = row % h;
        const long first_oy = NAMED(first_window)(y, window, stride), last_oy = MIN(y / stride, oh - 1);
        for (long x = 0; x < w; x++) {
            const long first_ox = NAMED(first_window)(x, window, stride), last_ox = MIN(x / stride, ow - 1);
            long from[225], places = 0;
            for (long oy = first_oy; oy <= last_oy; oy++)
                for (long ox = first_ox; ox <= last_ox; ox++, places++) {
                    const long inside = (y - oy * stride) * window + (x - ox * stride);
                    from[places] = (((oy * ow + ox) * n + image) * window * window + inside) * c;
                }
            ELEMENT *to = in_gradient + (row * w + x) * c;
#define CALL(c0, width) NAMED(gather_places)(patches + (c0), to + (c0), from, places, width)
            FOR_BLOCKS_OF_MAPS(CALL)
#undef CALL
        }
    }
}
