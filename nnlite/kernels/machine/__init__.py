"""What kernels need of the machine: threads, cores, memory, a cache of compiled code."""
