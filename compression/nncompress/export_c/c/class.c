/* The number of the largest logit, the first one if several are equal. */
int32_t nnlite_class(const int32_t *logits)
{
    int32_t largest = 0;
    for (int32_t k = 1; k < NNLITE_OUTPUTS; k++)
        if (logits[k] > logits[largest])
            largest = k;
    return largest;
}
