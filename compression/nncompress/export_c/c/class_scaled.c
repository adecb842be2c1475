/* The number of the largest logit, the first one if several are equal. Logit k counts in units of its own: logit_units[k]. */
int32_t nnlite_class(const int32_t *logits)
{
    int32_t largest = 0;
    for (int32_t k = 1; k < NNLITE_OUTPUTS; k++)
        if ((int64_t)logits[k] * logit_units[k] > (int64_t)logits[largest] * logit_units[largest])
            largest = k;
    return largest;
}
