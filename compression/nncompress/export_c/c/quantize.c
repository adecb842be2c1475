/* What nnlite_run reads, from the pixels of an image; both may lie at the same place. */
void nnlite_quantize(const uint8_t *pixels, uint8_t *image)
{
    const int32_t rows = sizeof pixel_integers / 256; /* one for all channels, or one for each */
    for (int32_t k = 0; k < NNLITE_INPUTS; k++)
        image[k] = pixel_integers[(rows == 1 ? 0 : k / (NNLITE_INPUTS / NNLITE_CHANNELS)) * 256 + pixels[k]];
}
