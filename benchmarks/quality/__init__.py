"""What models, encoders, aligners and fusers reach on public data sets."""
