"""Bounds of the label sets of listeners; the parser of the command needs them, and nothing else."""

# Two protocols and eight exposures: the sums of what is left out have so many label sets at most.
MIN_LABEL_SETS, MAX_LABEL_SETS = 16, 2000
TEXTFILE_LABEL_SETS = 500  # some 300 kB, which the collector of node_exporter reads at every scrape
