"""Linux tracefs: the kernel's records of listeners that open and close."""
