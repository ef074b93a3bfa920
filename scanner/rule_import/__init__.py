"""Rule files of other scanners, read into ours: what can be carried over, proved, and what cannot, said."""
