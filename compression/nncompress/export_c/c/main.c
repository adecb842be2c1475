#ifdef NNLITE_MAIN /* a program that reads images from its standard input and prints the logits of each in a line */
#include <stdio.h>

int main(void)
{
    static uint8_t image[NNLITE_INPUTS];
    static int32_t logits[NNLITE_OUTPUTS];
    while (fread(image, 1, NNLITE_INPUTS, stdin) == NNLITE_INPUTS) {
#ifdef NNLITE_CHANNELS
        nnlite_quantize(image, image);
#endif
        nnlite_run(image, logits);
        for (int32_t k = 0; k < NNLITE_OUTPUTS; k++)
            printf("%ld%c", (long)logits[k], k + 1 < NNLITE_OUTPUTS ? ' ' : '\n');
    }
    return 0;
}
#endif
