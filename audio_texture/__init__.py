"""Sound textures by the statistics of random CNNs, finite and infinitely wide. One stage a file; start at synthesis.py."""
