/* Element by element, for one element type (see kernels_typed.h for ELEMENT and NAMED). */

/* Gradient of max(in, 0), the same bits as torch's: 0 where out <= 0, and a NaN lets it pass. */
void NAMED(relu_backward)(const ELEMENT *out, const ELEMENT *gradient, ELEMENT *in_gradient, long count) {
#pragma omp parallel for schedule(static)
    for (long first = 0; first < count; first += TILE)
        for (long i = first; i < MIN(first + TILE, count); i++)
            in_gradient[i] = LOAD(out[i]) <= 0.0f ? 0 : gradient[i];
}
