"""The one writer: records, the queue in which they wait, and the recorder that stores them."""
