/* Batch normalization in training, with the ReLU after it, for one element type (see kernels_typed.h for ELEMENT, LOAD,
 * STORE and NAMED). Arrays are (pixels, c): the pixels of all images in a row.
 *
 * Sums are taken over CHUNK pixels in float, and over chunks in double, in the order of the chunks: neither the number of
 * threads nor a mean far from zero shows in them. Per-chunk sums, (chunks, 2, c), are working space of the caller. */

#undef CHUNK
#define CHUNK 128
/* FOR_BLOCKS_OF_MAPS with half a block compiled in too, the width of the first third of ResNet-20. */
#undef FOR_HALF_BLOCKS
#define FOR_HALF_BLOCKS(CALL)                                       \
    for (long c0 = 0; c0 < c; c0 += BLOCK) {                        \
        if (c - c0 >= BLOCK) CALL(c0, BLOCK);                       \
        else if (c - c0 == BLOCK / 2) CALL(c0, BLOCK / 2);          \
        else CALL(c0, c - c0);                                      \
    }

/* Mean, and sum of squares around it, of `count` pixels; the first pixel is taken off, so that nothing cancels. */
INLINE void NAMED(chunk_moments)(const ELEMENT *in, float *mean, float *squares, long count, long c, long width) {
    float first[BLOCK], sum[BLOCK] = {0}, square[BLOCK] = {0};
    for (long k = 0; k < width; k++) first[k] = LOAD(in[k]);
    for (long p = 1; p < count; p++)
        for (long k = 0; k < width; k++) {
            const float off = LOAD(in[p * c + k]) - first[k];
            sum[k] += off;
            square[k] += off * off;
        }
    for (long k = 0; k < width; k++) {
        mean[k] = first[k] + sum[k] / (float)count;
        squares[k] = square[k] - sum[k] * sum[k] / (float)count;
    }
}

/* The batch's mean and 1 / sqrt(variance + epsilon) from the chunks', and the running ones moved towards them. */
INLINE void NAMED(join_moments)(const float *sums, float *mean, float *inverse, float *running_mean,
                                float *running_variance, long pixels, long c, float momentum, float epsilon,
                                long width) {
    double joint[BLOCK] = {0}, squares[BLOCK] = {0};
    for (long first = 0; first < pixels; first += CHUNK, sums += 2 * c)
        for (long k = 0; k < width; k++) joint[k] += (double)sums[k] * (double)MIN(CHUNK, pixels - first);
    for (long k = 0; k < width; k++) joint[k] /= (double)pixels;
    sums -= (pixels + CHUNK - 1) / CHUNK * 2 * c;
    for (long first = 0; first < pixels; first += CHUNK, sums += 2 * c)
        for (long k = 0; k < width; k++) {
            const double off = (double)sums[k] - joint[k];
            squares[k] += (double)sums[c + k] + off * off * (double)MIN(CHUNK, pixels - first);
        }
    for (long k = 0; k < width; k++) {
        mean[k] = (float)joint[k];
        inverse[k] = (float)(1.0 / sqrt(squares[k] / (double)pixels + (double)epsilon));
        running_mean[k] += momentum * (mean[k] - running_mean[k]);
        running_variance[k] += momentum * ((float)(squares[k] / (double)(pixels - 1)) - running_variance[k]);
    }
}

INLINE void NAMED(normalize_pixels)(const ELEMENT *in, const float *mean, const float *inverse, const float *weight,
                                    const float *bias, ELEMENT *restrict out, long count, long c, float least,
                                    long width) {
    for (long p = 0; p < count; p++)
        for (long k = 0; k < width; k++) {
            const float value = (LOAD(in[p * c + k]) - mean[k]) * (inverse[k] * weight[k]) + bias[k];
            out[p * c + k] = STORE(value < least ? least : value);
        }
}

/* mean and inverse (c) receive what batch_norm_backward reads. pixels >= 2. */
void NAMED(batch_norm_forward)(const ELEMENT *in, const float *weight, const float *bias, float *sums, float *mean,
                               float *inverse, float *running_mean, float *running_variance, ELEMENT *out, long pixels,
                               long c, long rectified, float momentum, float epsilon) {
#pragma omp parallel for schedule(static)
    for (long first = 0; first < pixels; first += CHUNK) {
        float *to = sums + first / CHUNK * 2 * c;
        const long count = MIN(CHUNK, pixels - first);
#define CALL(c0, width) NAMED(chunk_moments)(in + first * c + (c0), to + (c0), to + c + (c0), count, c, width)
        FOR_HALF_BLOCKS(CALL)
#undef CALL
    }
#define CALL(c0, width)                                                                                                \
    NAMED(join_moments)(sums + (c0), mean + (c0), inverse + (c0), running_mean + (c0), running_variance + (c0), pixels, \
                        c, momentum, epsilon, width)
    FOR_HALF_BLOCKS(CALL)
#undef CALL
#pragma omp parallel for schedule(static)
    for (long first = 0; first < pixels; first += CHUNK) {
        const long at = first * c, count = MIN(CHUNK, pixels - first);
#define CALL(c0, width)                                                                                             \
    NAMED(normalize_pixels)(in + at + (c0), mean + (c0), inverse + (c0), weight + (c0), bias + (c0), out + at + (c0), \
                            count, c, LEAST(rectified), width)
        FOR_HALF_BLOCKS(CALL)
#undef CALL
    }
}


INLINE void NAMED(chunk_gradients)(const ELEMENT *in, const ELEMENT *gradient, const float *mean, const float *inverse,
                                   const float *weight, const float *bias, float *of_bias, float *of_weight, long count,
                                   long c, float least, long width) {
    float sum[BLOCK] = {0}, product[BLOCK] = {0};
    for (long p = 0; p < count; p++)
        for (long k = 0; k < width; k++) {
            const float off = LOAD(in[p * c + k]) - mean[k];
            const float value = off * (inverse[k] * weight[k]) + bias[k];
            const float there = LOAD(gradient[p * c + k]), passed = value <= least ? 0.0f : there;
            sum[k] += passed;
            product[k] += passed * (off * inverse[k]);
        }
    for (long k = 0; k < width; k++) of_bias[k] = sum[k], of_weight[k] = product[k];
}

INLINE void NAMED(gradient_pixels)(const ELEMENT *in, const ELEMENT *gradient, const float *mean, const float *inverse,
                                   const float *weight, const float *bias, const float *of_bias, const float *of_weight,
                                   ELEMENT *restrict in_gradient, long count, long c, float share, float least,
                                   long width) {
    for (long p = 0; p < count; p++)
        for (long k = 0; k < width; k++) {
            const float off = LOAD(in[p * c + k]) - mean[k], scale = inverse[k] * weight[k];
            const float there = LOAD(gradient[p * c + k]), passed = off * scale + bias[k] <= least ? 0.0f : there;
            const float common = share * (of_bias[k] + off * inverse[k] * of_weight[k]);
            in_gradient[p * c + k] = STORE(scale * (passed - common));
        }
}

/* Gradients of batch_norm_forward: with n = (in - mean) * inverse, of_bias = sum of g, of_weight = sum of g n, and
 * of the input weight * inverse * (g - mean of g - n * mean of g n), g being the gradient that passes the ReLU. */
void NAMED(batch_norm_backward)(const ELEMENT *in, const ELEMENT *gradient, const float *weight, const float *bias,
                                const float *mean, const float *inverse, float *sums, ELEMENT *in_gradient,
                                float *of_weight, float *of_bias, long pixels, long c, long rectified) {
#pragma omp parallel for schedule(static)
    for (long first = 0; first < pixels; first += CHUNK) {
        float *to = sums + first / CHUNK * 2 * c;
        const long at = first * c, count = MIN(CHUNK, pixels - first);
#define CALL(c0, width)                                                                                         \
    NAMED(chunk_gradients)(in + at + (c0), gradient + at + (c0), mean + (c0), inverse + (c0), weight + (c0),     \
                           bias + (c0), to + (c0), to + c + (c0), count, c, LEAST(rectified), width)
        FOR_HALF_BLOCKS(CALL)
#undef CALL
    }
    for (long k = 0; k < c; k++) {
        double sum = 0.0, product = 0.0;
        for (long chunk = 0; chunk < (pixels + CHUNK - 1) / CHUNK; chunk++) {
            sum += (double)sums[chunk * 2 * c + k];
            product += (double)sums[chunk * 2 * c + c + k];
        }
        of_bias[k] = (float)sum, of_weight[k] = (float)product;
    }
    const float share = 1.0f / (float)pixels;
#pragma omp parallel for schedule(static)
    for (long first = 0; first < pixels; first += CHUNK) {
        const long at = first * c, count = MIN(CHUNK, pixels - first);
#define CALL(c0, width)                                                                                              \
    NAMED(gradient_pixels)(in + at + (c0), gradient + at + (c0), mean + (c0), inverse + (c0), weight + (c0),         \
                           bias + (c0), of_bias + (c0), of_weight + (c0), in_gradient + at + (c0), count, c, share,  \
                           LEAST(rectified), width)
        FOR_HALF_BLOCKS(CALL)
#undef CALL
    }
}
